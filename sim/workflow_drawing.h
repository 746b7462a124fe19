// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/agenda.h"

namespace holdfast::sim {

/// A workflow that clients declare, as the checks see it. What its calls come to is the input's
/// to say: `fates` names what is not `ok`, by the calls' names (s0 and its undo u0, …).
struct Workflow {
  struct Step {
    // Of its effect: a keyspace (s, w, e, f; x, where it is not counted), or `http`; empty: none.
    std::string place;
    std::string undo_place;  // empty: it has no undo
    std::string signal;      // that it waits for
    bool may_time_out = false;
    bool conditional = false;  // skipped where the input's x is not 1
  };
  std::string name;
  std::string json;  // the definition
  bool has_deadline = false;
  std::vector<Step> steps;
};

inline constexpr std::size_t workflow_steps_drawn_max = 8;
inline constexpr std::size_t workflow_names = 4;

/// The keyspaces' functions count effects in the key of the run, each step's in bits of its own.
std::string effects_key(const std::string& place, const std::string& run);
/// While it is there calls of the fate `gate` are refused; likewise in eventual keyspaces, for
/// ever, since functions there come to the same wherever they are called.
std::string gate_key(const std::string& place);
inline constexpr unsigned effect_bits = 3;
inline unsigned effect_shift(std::size_t step, bool undo) {
  return static_cast<unsigned>(2 * step + (undo ? 1 : 0)) * effect_bits;
}

Workflow draw_workflow(Random& random);

}  // namespace holdfast::sim
