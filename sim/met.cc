// SPDX-License-Identifier: Apache-2.0
#include "sim/met.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <vector>

namespace holdfast::sim {
namespace {

// Runs that meet nothing find nothing.
constexpr std::array must_be_met = {"HTTP calls asked for again",
                                    "HTTP replies lost",
                                    "appends again",
                                    "appends given up",
                                    "caches cut off",
                                    "caches told",
                                    "checkpoints",
                                    "checkpoints failed",
                                    "ended by itself",
                                    "eventual operations",
                                    "keyspaces given away",
                                    "looks at what is kept",
                                    "merged",
                                    "places lost in the log",
                                    "probes behind tokens",
                                    "refused to others",
                                    "replayed eventual",
                                    "replayed strong",
                                    "runs cancelled",
                                    "runs done",
                                    "runs past their deadline",
                                    "runs stuck",
                                    "runs taken over",
                                    "runs undone",
                                    "served to owners",
                                    "starts anew",
                                    "steps tried again",
                                    "steps undone",
                                    "strong operations",
                                    "strong unknown",
                                    "tally entries applied",
                                    "tally entries not applied",
                                    "timeouts strong",
                                    "tokens",
                                    "undos retried",
                                    "waits that a signal ended",
                                    "watch gaps",
                                    "watch repeats",
                                    "watch silences",
                                    "wiped"};

}  // namespace

std::string what_was_not_met(const Counts& faults, const Counts& counts) {
  std::vector<std::string> lacking;
  for (const auto& [kind, count] : faults) {
    if (count == 0) lacking.push_back(kind);
  }
  for (const char* const state : must_be_met) {
    const auto found = counts.find(state);
    if (found == counts.end() || found->second == 0) lacking.emplace_back(state);
  }
  return fmt::format("{}", fmt::join(lacking, ", "));
}

}  // namespace holdfast::sim
