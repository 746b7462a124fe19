// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/call.h"
#include "sim/workflow_drawing.h"

namespace holdfast::sim {

/// What clients do with workflows, and what they were told: draws the one, remembers both.
class Workflows {
 public:
  explicit Workflows(Random& random) : random_(random) {}

  Call next();
  /// What a node answered. Empty, or what must never be.
  std::string heard(const Call& call, const verify::Answer& answer);

  /// A run that somebody wanted to start.
  struct Run {
    std::set<verify::Command> asked;          // workflow, input, and perhaps version
    std::optional<verify::Command> begun_as;  // one of them: it is said to have been begun so
    std::string state;                        // that was told last
    std::set<std::string> ended_as;           // every state told that does not pass any more
    bool cancel_sent = false;
    bool cancel_taken = false;
    std::set<std::string> signals_taken;
  };
  const std::map<std::string, Run>& runs() const { return runs_; }
  /// What was declared in these words; nullptr: nothing.
  const Workflow* declared(const std::string& json) const;
  /// By name and version, as far as nodes told.
  using Versions = std::map<std::pair<std::string, std::int64_t>, std::string>;
  const Versions& versions() const { return versions_; }

 private:
  using Wanted = std::function<bool(const Run&)>;

  Call define();
  Call start();
  Call start_again();
  Call signal();
  Call of_a_run(const char* verb, const Wanted& wanted);
  Call look();
  Call open_gate();
  std::string draw_input();
  std::string pick(const Wanted& wanted);
  std::string new_id() { return "wid" + std::to_string(++ids_); }
  std::string heard_of_run(const verify::Command& command, const verify::Answer& answer);

  Random& random_;
  std::uint64_t ids_ = 0;
  std::uint64_t inputs_ = 0;
  std::vector<Workflow> drawn_;
  std::map<std::string, std::size_t> by_json_;
  Versions versions_;
  std::map<std::string, Run> runs_;
};

}  // namespace holdfast::sim
