// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "verify/history.h"

namespace holdfast::verify {

/// How much of a history worked. A checker is content with a history in which
/// nothing happened; people should not be.
struct Summary {
  struct Tries {
    std::uint64_t all = 0;
    std::uint64_t replied = 0;
    double share() const;  // of replies; 1 where nothing was tried
  };
  Tries outside;  // tries that no fault overlaps
  Tries during;
  Tries outages;          // tries that an outage overlaps, which are in neither
  std::uint64_t ids = 0;  // tries that carried one
  std::map<std::string, std::uint64_t> errors;  // by code; "no answer" among them
  std::uint64_t faults = 0;
  std::vector<std::string> complaints;  // why it does not count; empty: it does
};

inline constexpr double replies_outside_min = 0.8;
inline constexpr double replies_during_min = 0.3;

/// Counts the tries as they were recorded, before they are merged.
Summary summarize(const History& history);

}  // namespace holdfast::verify
