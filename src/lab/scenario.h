// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "lab/places.h"

namespace holdfast::lab {

/// Something that is done to links or processes. Pure data.
struct Action {
  enum class Kind : std::uint8_t {
    cut,
    heal,          // links: as they were made
    delay,         // `by` and `jitter`, each way
    lose,          // `share` of what passes, either way
    lose_replies,  // `share` of what comes back
    pause,         // SIGSTOP
    resume,
    kill,  // SIGKILL
    start,
  };
  Kind kind = Kind::heal;
  std::vector<std::string> targets;  // Places' names
  Millis by{0};
  Millis jitter{0};
  double share = 0;
};
bool is_about_processes(Action::Kind kind);
/// For a person: "cut node3".
std::string to_text(const Action& action);

struct TimedAction {
  Millis at{0};
  Action action;
};

enum class SceneKind : std::uint8_t { likes, accounts, both, retry };
std::string_view to_text(SceneKind kind);

/// What is to be played. docs/lab.md has the file's format.
struct Scenario {
  SceneKind scene = SceneKind::likes;
  double rate = 300;  // operations a second, of each load, of all its clients together
  Millis duration{12'000};
  std::size_t things = 20;             // posts, or accounts
  std::vector<TimedAction> actions{};  // in the order of time
};

/// A scenario as JSON. An error names the place: "actions[2].cut: no link …".
Result<Scenario> parse_scenario(std::string_view json, const Places& places);
/// One action, as in a scenario but without `at`.
Result<Action> parse_action(std::string_view json, const Places& places);

/// What the page offers ready to run.
Scenario ready_made(SceneKind kind, const Places& places);

}  // namespace holdfast::lab
