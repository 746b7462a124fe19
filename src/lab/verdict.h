// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lab/meter.h"
#include "lab/scenes.h"

namespace holdfast::lab {

/// A scene's load in one phase.
struct LoadPhase {
  std::vector<Standing> nodes;
  /// Where something was mended at its begin: after what time every node showed
  /// all that had been acknowledged before that.
  std::optional<At> caught_up;
};

/// From one change of what is broken to the next.
struct Phase {
  At from{0}, to{0};
  std::vector<std::string> actions;  // at its begin
  std::vector<std::string> broken;
  bool mended = false;           // by them
  std::vector<LoadPhase> loads;  // as Played::loads
};

/// A scene's load when all is over and was mended.
struct LoadEnd {
  std::string scene;
  std::string what;
  bool eventual = false;
  bool insists = false;
  Tally writes;
  Tally plain;                              // of those without ids, where there are any
  std::vector<std::optional<Shown>> shown;  // by each node
  std::vector<std::string> digests;         // of eventual keyspaces, by each node
  std::optional<At> equal_after;            // from the last operation on
  std::uint64_t stale_reads = 0;            // strong reads that missed what was acknowledged
  std::uint64_t unsound_looks = 0;          // that showed what no moment may
};

struct Played {
  std::string scene;
  std::string cluster;
  std::vector<std::string> nodes;
  std::vector<Phase> phases;
  std::vector<LoadEnd> loads;
  std::vector<std::string> notes;
};

/// What a load's guarantee did in the end.
struct Judgement {
  bool held = true;
  std::vector<std::string> broken;  // of what it promises, in words
  std::string sentence;
};
Judgement judge(const LoadEnd& load);
bool held(const Played& played);

/// What happened in a phase, in words.
std::string sentence_of(const Phase& phase, const Played& played);
/// All of it in one line, for who looks only there.
std::string verdict_line(const Played& played);

nlohmann::json to_json(const Standing& node);
nlohmann::json to_json(const Phase& phase, const Played& played);
nlohmann::json to_json(const Played& played);

}  // namespace holdfast::lab
