// SPDX-License-Identifier: Apache-2.0
#include "sim/workflows.h"

#include <fmt/format.h>

#include <algorithm>

#include "workflow/json.h"

namespace holdfast::sim {
namespace {

using Json = workflow::Json;

constexpr std::size_t definitions_max = 12;
constexpr std::size_t runs_max = 120;

bool is_final(const std::string& state) {
  return state == "done" || state == "undone" || state == "cancelled";
}

bool may_go_on(const Workflows::Run& run) {
  return !is_final(run.state) && run.state != "stuck";
}

// Of a map, as RESP2 has it.
const verify::Answer* field_of(const verify::Answer& map, std::string_view name) {
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].text == name) return &map.items[i + 1];
  }
  return nullptr;
}

}  // namespace

const Workflow* Workflows::declared(const std::string& json) const {
  const auto found = by_json_.find(json);
  return found == by_json_.end() ? nullptr : &drawn_[found->second];
}

// ---- What clients do

Call Workflows::next() {
  if (versions_.empty() || random_.percent(5)) return define();
  const auto dice = random_.below(100);
  if (runs_.empty() || dice < 40) return start();
  if (dice < 48) return start_again();
  if (dice < 64) return signal();
  if (dice < 70) return of_a_run("CANCEL", may_go_on);
  if (dice < 78) return of_a_run("RETRY", [](const Run& run) { return run.state == "stuck"; });
  if (dice < 82) return open_gate();
  return look();
}

Call Workflows::define() {
  if (drawn_.size() < definitions_max) {
    Workflow drawn = draw_workflow(random_);
    if (by_json_.emplace(drawn.json, drawn_.size()).second) drawn_.push_back(std::move(drawn));
  }
  return {.commands = {{"WORKFLOW", "DEFINE", drawn_[random_.below(drawn_.size())].json}},
          .repeatable = true};
}

std::string Workflows::draw_input() {
  Json input{{"n", ++inputs_}, {"x", random_.below(2)}, {"fates", Json::object()}};
  const auto bad = [&](char kind, const char* fate) {
    input["fates"][fmt::format("{}{}", kind, random_.below(workflow_steps_drawn_max))] = fate;
  };
  if (random_.percent(45)) bad('s', "refuse");
  while (random_.percent(30)) bad('u', random_.percent(30) ? "refuse" : "gate");
  return workflow::write_json(input);
}

Call Workflows::start() {
  if (runs_.size() >= runs_max) return look();
  auto declared = versions_.begin();
  std::advance(declared, random_.below(versions_.size()));
  const auto& [name, version] = declared->first;
  std::string run = fmt::format("r{}", runs_.size() + 1);
  // So long that its steps' request ids end in a hash.
  if (random_.percent(20)) run += "-" + std::string(50, 'x');
  verify::Command words{name, draw_input()};
  if (random_.percent(25)) words.insert(words.end(), {"VERSION", std::to_string(version)});
  runs_[run].asked.insert(words);
  Call call{.commands = {{"WORKFLOW", "START", run}}, .repeatable = true};
  call.commands[0].insert(call.commands[0].end(), words.begin(), words.end());
  if (random_.percent(20)) call.id = new_id();
  return call;
}

// As it was asked before, or against the rules with another input: only one of them may begin.
Call Workflows::start_again() {
  const std::string run = pick([](const Run&) { return true; });
  std::set<verify::Command>& asked = runs_[run].asked;
  verify::Command words = *asked.begin();
  if (random_.percent(25)) {
    words[1] = draw_input();
    asked.insert(words);
  }
  Call call{.commands = {{"WORKFLOW", "START", run}}, .repeatable = true};
  call.commands[0].insert(call.commands[0].end(), words.begin(), words.end());
  return call;
}

std::string Workflows::pick(const Wanted& wanted) {
  std::vector<const std::string*> found;
  for (const auto& [id, run] : runs_) {
    if (wanted(run)) found.push_back(&id);
  }
  return found.empty() ? std::string() : *found[random_.below(found.size())];
}

Call Workflows::signal() {
  const std::string id = pick(may_go_on);
  if (id.empty()) return start();
  const std::string& name = (*runs_[id].asked.begin())[0];
  std::vector<std::string> signals;
  for (const Workflow& workflow : drawn_) {
    for (const Workflow::Step& step : workflow.steps) {
      if (workflow.name == name && !step.signal.empty()) signals.push_back(step.signal);
    }
  }
  if (signals.empty()) return look();
  Call call{.commands = {{"WORKFLOW", "SIGNAL", id, signals[random_.below(signals.size())]}}};
  if (random_.percent(50)) call.commands[0].push_back(R"({"paid": 3})");
  if (random_.percent(70)) call.id = new_id();
  return call;
}

Call Workflows::of_a_run(const char* verb, const Wanted& wanted) {
  const std::string id = pick(wanted);
  if (id.empty()) return look();
  Call call{.commands = {{"WORKFLOW", verb, id}}};
  if (call.commands[0][1] == "CANCEL") runs_[id].cancel_sent = true;
  if (random_.percent(60)) call.id = new_id();
  return call;
}

// From then on undos that were refused are not. Also where memory is short.
Call Workflows::open_gate() {
  return {.commands = {{"DEL", gate_key(random_.percent(50) ? "s" : "w")}}};
}

Call Workflows::look() {
  const auto dice = random_.below(100);
  const std::string id = pick([](const Run&) { return true; });
  if (dice < 60 && !id.empty()) return {.commands = {{"WORKFLOW", "STATUS", id}}};
  if (dice < 75 && !id.empty()) return {.commands = {{"WORKFLOW", "HISTORY", id}}};
  if (dice < 80) return {.commands = {{"WORKFLOW", "DEFINITIONS"}}};
  verify::Command list{"WORKFLOW", "LIST", "0"};
  if (random_.percent(50)) list.insert(list.end(), {"STATE", "stuck"});
  return {.commands = {list}};
}

// ---- What they are told

std::string Workflows::heard(const Call& call, const verify::Answer& answer) {
  const verify::Command& command = call.commands.front();
  if (command[0] != "WORKFLOW" || command.size() < 3) return {};
  if (command[1] == "DEFINE") {
    if (answer.kind != verify::Answer::Kind::integer) return {};
    const std::string& name = declared(command[2])->name;
    const auto [known, is_new] = versions_.try_emplace({name, answer.integer}, command[2]);
    if (is_new || known->second == command[2]) return {};
    return fmt::format("two definitions are version {} of {}", answer.integer, name);
  }
  return runs_.contains(command[2]) ? heard_of_run(command, answer) : std::string();
}

std::string Workflows::heard_of_run(const verify::Command& command, const verify::Answer& answer) {
  const std::string& verb = command[1];
  const std::string& id = command[2];
  Run& run = runs_[id];
  if (answer.kind == verify::Answer::Kind::error) {
    if (verb == "START" && answer.text.starts_with("IDREUSED") && run.asked.size() == 1)
      return id + " was asked for in one way only: " + answer.text;
    return {};
  }
  const verify::Answer* const state = field_of(answer, "state");
  if (state == nullptr) return {};
  run.state = state->text;
  if (is_final(run.state)) run.ended_as.insert(run.state);
  if (verb == "START") {
    const verify::Command words(command.begin() + 3, command.end());
    const bool same =
        !run.begun_as || std::ranges::equal(words.begin(), words.begin() + 2, run.begun_as->begin(),
                                            run.begun_as->begin() + 2);
    if (!same) return id + " was begun in two ways";
    if (!run.begun_as) run.begun_as = words;
  }
  if (verb == "CANCEL") run.cancel_taken = true;
  if (verb == "SIGNAL") run.signals_taken.insert(command[3]);
  return {};
}

}  // namespace holdfast::sim
