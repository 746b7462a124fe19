// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace holdfast::sim {

using Counts = std::map<std::string, std::uint64_t>;

/// Of a series of runs: the faults, and the states, that none of them met. Empty: all were.
std::string what_was_not_met(const Counts& faults, const Counts& counts);

}  // namespace holdfast::sim
