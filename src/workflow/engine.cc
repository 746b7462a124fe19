// SPDX-License-Identifier: Apache-2.0
#include "workflow/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/wire.h"

namespace holdfast::workflow {
namespace {

// docs/formats/workflow-runs.md
constexpr char definition_kind = 'd';
constexpr char run_kind = 'r';

void put_service(std::string& key, ServiceId service) {
  for (int shift = 24; shift >= 0; shift -= 8)
    key.push_back(static_cast<char>(service.value >> shift));
}

std::string key_of(const RunName& name) {
  std::string key(1, run_kind);
  put_service(key, name.service);
  return key + name.id;
}

std::string key_of(ServiceId service, std::string_view workflow, std::uint32_t version) {
  std::string key(1, definition_kind);
  put_service(key, service);
  wire::put_bytes(key, workflow);
  wire::put_varint(key, version);
  return key;
}

std::string text_at(Table& table, std::string_view key, Instant now) {
  const Value* const value = table.find(key, now);
  if (value == nullptr) return {};
  IntegerText room;
  return std::string(value->text(room));
}

Run decoded(std::string_view bytes) {
  Result<Run> run = Run::decode(bytes);
  HF_ASSERT(run.has_value());  // we wrote it, and what is on disk has a checksum
  return std::move(*run);
}

// What may be in a run's id: as in request ids, printable and without spaces.
bool is_run_id(std::string_view id) {
  return !id.empty() && id.size() <= limits::workflow_run_id_bytes_max &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) { return c > ' ' && c < 0x7F; });
}

tl::unexpected<Error> no_such_run(std::string_view id) {
  return fail(Code::err, fmt::format("no such run '{}'", id));
}

}  // namespace

Engine::Engine(Table& current, Table& ended) : current_(current), ended_(ended) {}

Status Engine::load() {
  Status status;
  current_.for_each(Instant::min(), [&](std::string_view key, const Value& value) {
    IntegerText room;
    const std::string_view bytes = value.text(room);
    if (key.front() == run_kind) {
      const Result<Run> run = Run::decode(bytes);
      if (!run) return void(status = tl::unexpected(run.error()));
      index_[{run->service, run->id}] = {run->state, next_of(*run)};
      return;
    }
    wire::Reader in(key.substr(5));
    ServiceId service;
    for (std::size_t i = 1; i < 5; ++i)
      service.value = service.value << 8 | static_cast<unsigned char>(key[i]);
    std::string name(in.bytes());
    auto& last = versions_[{service, std::move(name)}];
    last = std::max(last, static_cast<std::uint32_t>(in.varint()));
  });
  return status;
}

const Definition* Engine::parsed(ServiceId service, std::string_view name, std::uint32_t version) {
  const std::string key = key_of(service, name, version);
  if (const auto known = parsed_.find(key); known != parsed_.end()) return known->second.get();
  const std::string json = text_at(current_, key, Instant::min());
  if (json.empty()) return nullptr;
  auto definition = Definition::parse(json);
  HF_ASSERT(definition.has_value());  // it was checked when it came
  auto& kept = parsed_[key];
  kept = std::make_unique<const Definition>(std::move(*definition));
  return kept.get();
}

const Definition& Engine::definition_of(const Run& run) {
  const Definition* const definition = parsed(run.service, run.workflow, run.version);
  HF_ASSERT(definition != nullptr);  // none is ever taken away
  return *definition;
}

Result<std::uint32_t> Engine::define(ServiceId service, std::string_view json) {
  const auto definition = Definition::parse(json);
  if (!definition) return tl::unexpected(definition.error());
  const auto last = versions_.find(std::pair(service, definition->name));
  const std::uint32_t version = last == versions_.end() ? 0 : last->second;
  if (version != 0) {
    const std::string before =
        text_at(current_, key_of(service, definition->name, version), Instant::min());
    if (before == json) return version;
  }
  if (version == limits::workflow_versions_max)
    return fail(Code::busy, fmt::format("'{}' has {} versions, and no more are kept",
                                        definition->name, limits::workflow_versions_max));
  if (version == 0 && versions_.size() == limits::workflows_max)
    return fail(Code::busy, fmt::format("there are {} workflows", limits::workflows_max));
  current_.put(key_of(service, definition->name, version + 1), Value::string(json));
  versions_[{service, definition->name}] = version + 1;
  return version + 1;
}

std::vector<Engine::Defined> Engine::definitions(ServiceId service) const {
  std::vector<Defined> all;
  for (const auto& [name, version] : versions_) {
    if (name.first == service) all.push_back(*definition(service, name.second, version));
  }
  return all;
}

std::optional<Engine::Defined> Engine::definition(ServiceId service, std::string_view name,
                                                  std::uint32_t version) const {
  if (version == 0) {
    const auto last = versions_.find(std::pair(service, std::string(name)));
    if (last == versions_.end()) return std::nullopt;
    version = last->second;
  }
  std::string json = text_at(current_, key_of(service, name, version), Instant::min());
  if (json.empty()) return std::nullopt;
  return Defined{std::string(name), version, std::move(json)};
}

std::optional<Run> Engine::find(const RunName& name, Instant now) {
  const std::string key = key_of(name);
  Table& table = index_.contains(name) ? current_ : ended_;
  const std::string bytes = text_at(table, key, now);
  if (bytes.empty()) return std::nullopt;
  return decoded(bytes);
}

Result<Run> Engine::start(ServiceId service, const Start& start, Moment at, Functions& functions) {
  if (!is_run_id(start.id))
    return fail(Code::err, fmt::format("a run's id is 1 to {} printable characters without spaces",
                                       limits::workflow_run_id_bytes_max));
  const RunName name{service, std::string(start.id)};
  if (auto known = find(name, at.now)) {
    if (known->workflow == start.workflow && known->input == start.input &&
        (start.version == 0 || start.version == known->version))
      return std::move(*known);
    return fail(Code::id_reused, "the run's id was used for another workflow or input");
  }
  if (start.input.size() > limits::workflow_input_bytes_max)
    return fail(Code::err,
                fmt::format("an input has at most {} bytes", limits::workflow_input_bytes_max));
  if (const auto input = parse_json(start.input); !input)
    return fail(Code::err, "the input: " + input.error().message);
  const auto defined = definition(service, start.workflow, start.version);
  if (!defined) return fail(Code::err, fmt::format("no such workflow '{}'", start.workflow));
  const Definition& definition = *parsed(service, start.workflow, defined->version);

  Run run;
  run.id = start.id;
  run.service = service;
  run.workflow = start.workflow;
  run.version = defined->version;
  run.input = start.input;
  ++counters_.started;
  Progress(definition, run, at.now, at.seed).begin();
  call_what_is_due(definition, run, at, functions);
  keep(definition, run, at.now);
  return run;
}

template <typename Change>
Result<Run> Engine::change(const RunName& name, Moment at, Functions& functions, Change what) {
  auto run = find(name, at.now);
  if (!run) return no_such_run(name.id);
  const Definition& definition = definition_of(*run);
  Progress progress(definition, *run, at.now, at.seed);
  if (Status changed = what(progress, *run); !changed) return tl::unexpected(changed.error());
  call_what_is_due(definition, *run, at, functions);
  keep(definition, *run, at.now);
  return std::move(*run);
}

Result<Run> Engine::cancel(const RunName& name, Moment at, Functions& functions) {
  return change(name, at, functions, [](Progress& progress, const Run& run) -> Status {
    if (progress.cancel()) return {};
    return fail(Code::err, fmt::format("the run has ended: it is {}", text_of(run.state)));
  });
}

Result<Run> Engine::retry(const RunName& name, Moment at, Functions& functions) {
  return change(name, at, functions, [](Progress& progress, const Run& run) -> Status {
    if (progress.retry()) return {};
    return fail(Code::err, fmt::format("the run is not stuck: it is {}", text_of(run.state)));
  });
}

Result<Run> Engine::signal(const RunName& name, std::string_view signal, std::string_view payload,
                           Moment at, Functions& functions) {
  if (payload.size() > limits::workflow_result_bytes_max)
    return fail(Code::err, fmt::format("a signal's JSON has at most {} bytes",
                                       limits::workflow_result_bytes_max));
  if (const auto json = parse_json(payload); !json)
    return fail(Code::err, "the signal's JSON: " + json.error().message);
  return change(name, at, functions, [&](Progress& progress, const Run&) -> Status {
    return progress.signal(signal, payload);
  });
}

bool Engine::report(const RunName& name, const AttemptName& attempt, const Outcome& outcome,
                    Moment at, Functions& functions) {
  const auto changed = change(name, at, functions, [&](Progress& progress, const Run&) -> Status {
    ++counters_.attempts;
    if (progress.settle(attempt, outcome)) return {};
    return fail(Code::err, "it says nothing new");
  });
  return changed.has_value();
}

bool Engine::go_on(const RunName& name, Moment at, Functions& functions) {
  const std::uint64_t before = counters_.attempts;
  bool passed = false;
  const auto changed = change(name, at, functions, [&](Progress& progress, const Run&) -> Status {
    passed = progress.pass_time();
    return {};
  });
  return changed && (passed || counters_.attempts != before);
}

// Functions of strong keyspaces run here, in the one operation that records what they came to:
// their outcome is never unknown, and no driver has to be asked.
void Engine::call_what_is_due(const Definition& definition, Run& run, Moment at,
                              Functions& functions) {
  Progress progress(definition, run, at.now, at.seed);
  for (std::size_t calls = 0; calls < limits::workflow_calls_per_operation_max; ++calls) {
    bool called = false;
    for (const AttemptName& attempt : progress.due()) {
      const Call& call = progress.call_of(attempt);
      if (!std::holds_alternative<FunctionCall>(call.what)) continue;
      const auto request = request_of(definition, run, attempt);
      HF_ASSERT(request.has_value());  // Progress has looked before it said so
      const auto outcome = functions.call(
          run.service, std::get<FunctionRequest>(*request),
          request_id_of(run, definition.steps[attempt.step], attempt.undo, attempt.round));
      if (!outcome) continue;
      ++counters_.attempts;
      progress.settle(attempt, *outcome);
      called = true;
      break;
    }
    if (!called) return;
  }
}

void Engine::keep(const Definition& definition, const Run& run, Instant now) {
  const RunName name{run.service, run.id};
  const std::string key = key_of(name);
  const auto before = index_.find(name);
  const bool was_stuck = before != index_.end() && before->second.state == RunState::stuck;
  if (has_ended(run.state) && run.state != RunState::stuck) {
    if (before != index_.end()) {
      current_.erase(key);
      index_.erase(before);
    }
    ended_.put(key, Value::string(run.encode()));
    ended_.set_expiry(key, now + definition.retain);
    count_end(run.state);
    return;
  }
  current_.put(key, Value::string(run.encode()));
  const Current current{run.state, next_of(run)};
  index_.insert_or_assign(name, current);
  if (run.state == RunState::stuck && !was_stuck) count_end(run.state);
  if (on_changed_) on_changed_(name, current);
}

void Engine::count_end(RunState state) {
  if (state == RunState::done) ++counters_.done;
  if (state == RunState::undone) ++counters_.undone;
  if (state == RunState::cancelled) ++counters_.cancelled;
  if (state == RunState::stuck) ++counters_.stuck;
}

std::uint64_t Engine::scan_ended(std::uint64_t cursor, std::size_t count, Instant now,
                                 const std::function<void(const Run&)>& visit) {
  return ended_.scan(cursor, count, now, [&](std::string_view, const Value& value) {
    IntegerText room;
    visit(decoded(value.text(room)));
  });
}

}  // namespace holdfast::workflow
