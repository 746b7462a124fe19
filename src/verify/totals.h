// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "verify/history.h"

namespace holdfast::verify {

struct Totals {
  std::uint64_t counters = 0;           // keys that were compared
  std::vector<std::string> violations;  // each a sentence
};

/// Compares what counters held in the end with what was added: no less than
/// what was acknowledged, no more than that and all of unknown outcome (with
/// increments of both signs: between the least and the greatest sum that some
/// of the unknown can make). Keys that anything but increments changed are left
/// out. Cheap, and independent of the search for an order. `operations` are
/// merged ones, so each id counts once.
Totals check_totals(const History& history, std::span<const Operation> operations);

/// Nodes whose final values of a key differ; each a sentence.
std::vector<std::string> check_agreement(const History& history);

}  // namespace holdfast::verify
