// SPDX-License-Identifier: Apache-2.0
#include "lab/scenario.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/limits.h"
#include "base/text_units.h"

namespace holdfast::lab {
namespace {

using nlohmann::json;
using Kind = Action::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 9> verbs = {{
    {"cut", Kind::cut},
    {"heal", Kind::heal},
    {"delay", Kind::delay},
    {"lose", Kind::lose},
    {"lose_replies", Kind::lose_replies},
    {"pause", Kind::pause},
    {"resume", Kind::resume},
    {"kill", Kind::kill},
    {"start", Kind::start},
}};
constexpr std::array<std::pair<std::string_view, SceneKind>, 4> scenes = {{
    {"likes", SceneKind::likes},
    {"accounts", SceneKind::accounts},
    {"both", SceneKind::both},
    {"retry", SceneKind::retry},
}};

std::string_view verb_of(Kind kind) {
  return std::ranges::find(verbs, kind, &std::pair<std::string_view, Kind>::second)->first;
}

template <typename Table>
std::string names_in(const Table& table) {
  std::vector<std::string_view> names;
  names.reserve(table.size());
  for (const auto& [name, value] : table) names.push_back(name);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Reads an object's members, and notes the first thing that is wrong and where.
class Reader {
 public:
  Reader(const json& object, std::string place) : object_(object), place_(std::move(place)) {
    if (!object.is_object()) wrong("", "is no object");
  }

  const Status& status() const { return status_; }
  void wrong(std::string_view member, std::string_view what) {
    if (!status_) return;
    std::string at = place_;
    if (!member.empty()) at += (at.empty() ? "" : ".") + std::string(member);
    status_ = fail(Code::err, at.empty() ? fmt::format("the scenario {}", what)
                                         : fmt::format("{}: {}", at, what));
  }
  const json* find(const char* name) {
    known_.insert(name);
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  void number(const char* name, double least, double most, double& value) {
    const json* const found = find(name);
    if (found == nullptr) return;
    if (!found->is_number() || found->get<double>() < least || found->get<double>() > most)
      return wrong(name, fmt::format("is no number from {} to {}", least, most));
    value = found->get<double>();
  }
  /// "250ms", "2s"; or a number of seconds.
  void time(const char* name, Millis most, Millis& value) {
    const json* const found = find(name);
    if (found == nullptr) return;
    std::optional<Millis> read;
    if (found->is_string()) read = parse_duration(found->get<std::string>());
    if (found->is_number() && found->get<double>() >= 0 && found->get<double>() < 1e9)
      read = Millis(static_cast<Millis::rep>(found->get<double>() * 1'000));
    if (!read || *read > most)
      return wrong(name, fmt::format("is no time up to {}, such as \"250ms\" or \"2s\"",
                                     format_duration(most)));
    value = *read;
  }
  /// What nobody has asked for is a mistake: often a misspelt name.
  void nothing_else() {
    if (!object_.is_object()) return;
    for (const auto& [name, value] : object_.items()) {
      if (!known_.contains(name))
        wrong(name, fmt::format("is not known here; there are {}", fmt::join(known_, ", ")));
    }
  }

 private:
  const json& object_;
  std::string place_;
  std::set<std::string> known_;
  Status status_;
};

std::optional<std::vector<std::string>> texts(const json& value) {
  if (value.is_string()) return std::vector{value.get<std::string>()};
  if (!value.is_array() || value.empty()) return std::nullopt;
  std::vector<std::string> all;
  for (const json& one : value) {
    if (!one.is_string()) return std::nullopt;
    all.push_back(one.get<std::string>());
  }
  return all;
}

void check_targets(Reader& reader, const char* verb, const Action& action, const Places& places) {
  std::vector<std::string> processes = places.nodes();
  processes.insert(processes.end(), places.etcd().begin(), places.etcd().end());
  for (const std::string& target : action.targets) {
    if (is_about_processes(action.kind)) {
      if (!places.is_process(target))
        reader.wrong(verb, fmt::format("no process '{}' here; there are {}", target,
                                       fmt::join(processes, ", ")));
      continue;
    }
    const auto links = places.links_of(target);
    if (!links) {
      reader.wrong(verb, links.error().message);
    } else if (action.kind != Kind::cut && !links->front().from.empty()) {
      reader.wrong(verb, "only a cut can be of one way");
    }
  }
}

Action read_action(Reader& reader, const Places& places) {
  Action action;
  const char* verb = nullptr;
  for (const auto& [name, kind] : verbs) {
    const json* const targets = reader.find(name.data());
    if (targets == nullptr) continue;
    if (verb != nullptr) reader.wrong(name, "is one action too many: give each its own");
    verb = name.data();
    action.kind = kind;
    auto named = texts(*targets);
    if (!named) reader.wrong(name, "is no name or list of names");
    action.targets = named.value_or(std::vector<std::string>());
  }
  if (verb == nullptr) {
    reader.wrong("", "does nothing: it needs one of " + names_in(verbs));
    return action;
  }
  if (action.kind == Kind::delay) {
    action.by = Millis(100);
    reader.time("by", limits::lab_delay_max, action.by);
    reader.time("jitter", limits::lab_delay_max, action.jitter);
  }
  if (action.kind == Kind::lose || action.kind == Kind::lose_replies) {
    action.share = 0.1;
    reader.number("share", 0, 1, action.share);
  }
  check_targets(reader, verb, action, places);
  return action;
}

Result<json> parsed(std::string_view text) {
  if (text.size() > limits::lab_scenario_bytes_max)
    return fail(Code::err, "the scenario is larger than a scenario may be");
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    return fail(Code::err, fmt::format("no JSON: byte {}: {}", error.byte, error.what()));
  }
}

}  // namespace

bool is_about_processes(Kind kind) {
  return kind == Kind::pause || kind == Kind::resume || kind == Kind::kill || kind == Kind::start;
}

std::string_view to_text(SceneKind kind) {
  return std::ranges::find(scenes, kind, &std::pair<std::string_view, SceneKind>::second)->first;
}

std::string to_text(const Action& action) {
  std::string text = fmt::format("{} {}", verb_of(action.kind), fmt::join(action.targets, ", "));
  if (action.kind == Kind::delay) {
    text += fmt::format(" by {} ms", action.by.count());
    if (action.jitter.count() > 0) text += fmt::format(" and up to {} more", action.jitter.count());
  }
  if (action.share > 0) text += fmt::format(", {:.0f}%", action.share * 100);
  return text;
}

Result<Action> parse_action(std::string_view text, const Places& places) {
  const auto object = parsed(text);
  if (!object) return tl::unexpected(object.error());
  Reader reader(*object, "the action");
  Action action = read_action(reader, places);
  reader.nothing_else();
  if (!reader.status()) return tl::unexpected(reader.status().error());
  return action;
}

Result<Scenario> parse_scenario(std::string_view text, const Places& places) {
  const auto object = parsed(text);
  if (!object) return tl::unexpected(object.error());
  Reader reader(*object, "");
  Scenario scenario;
  const json* const scene = reader.find("scene");
  const auto named = std::ranges::find_if(scenes, [&](const auto& one) {
    return scene != nullptr && scene->is_string() && scene->get<std::string>() == one.first;
  });
  if (named == scenes.end()) {
    reader.wrong("scene", "is none of " + names_in(scenes));
  } else {
    scenario.scene = named->second;
  }
  double things = static_cast<double>(scenario.things);
  double seconds = static_cast<double>(scenario.duration.count()) / 1'000;
  reader.number("rate", 1, limits::lab_rate_max, scenario.rate);
  reader.number("seconds", 1, limits::lab_seconds_max, seconds);
  reader.number("things", 2, limits::lab_things_max, things);
  scenario.duration = Millis(static_cast<Millis::rep>(seconds * 1'000));
  scenario.things = static_cast<std::size_t>(things);
  const json* const actions = reader.find("actions");
  if (actions != nullptr && !actions->is_array()) reader.wrong("actions", "is no list");
  if (actions != nullptr && actions->size() > limits::lab_actions_max)
    reader.wrong("actions", fmt::format("are more than {}", limits::lab_actions_max));
  reader.find("$schema");  // editors like it
  reader.nothing_else();
  if (!reader.status()) return tl::unexpected(reader.status().error());
  for (std::size_t i = 0; actions != nullptr && i < actions->size(); ++i) {
    Reader one((*actions)[i], fmt::format("actions[{}]", i));
    TimedAction timed;
    if (one.find("at") == nullptr) one.wrong("at", "is missing");
    one.time("at", scenario.duration, timed.at);
    timed.action = read_action(one, places);
    one.nothing_else();
    if (!one.status()) return tl::unexpected(one.status().error());
    scenario.actions.push_back(std::move(timed));
  }
  std::ranges::stable_sort(scenario.actions, {}, &TimedAction::at);
  return scenario;
}

Scenario ready_made(SceneKind kind, const Places& places) {
  Scenario scenario{.scene = kind};
  if (places.nodes().size() < 2) return scenario;
  const auto at = [&](int ms, Kind what, const std::string& target, double share = 0) {
    scenario.actions.push_back(
        {Millis(ms), {.kind = what, .targets = std::vector{target}, .share = share}});
  };
  if (kind == SceneKind::retry) {
    scenario.rate = 100;
    at(1'000, Kind::lose_replies, "clients", 0.2);
    at(3'000, Kind::cut, "mesh");
    at(8'000, Kind::heal, "mesh");
    at(9'000, Kind::heal, "clients");
    return scenario;
  }
  at(3'000, Kind::cut, places.nodes().back());
  at(8'000, Kind::heal, places.nodes().back());
  return scenario;
}

}  // namespace holdfast::lab
