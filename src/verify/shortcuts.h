// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "verify/linearizable.h"

namespace holdfast::verify {

/// Decides, in the time of a sort, a register whose values are each put once:
/// one key, only puts that do not look and reads of exact values. Nothing where
/// the component is not such. Gibbons and Korach, "Testing shared memories"
/// (1997), section 4: each value with its readers has a zone of time; two zones
/// in which the value must have been there do not overlap, and none holds a
/// value that was there within it alone.
std::optional<Checked> check_register(const Component& component);

/// A counter that only grows: one key, known operations that tell its value
/// before and after them, and increments of unknown outcome, none of them down.
struct GrowingCounter {
  struct Move {  // a known operation; or it only looked, and both are one
    std::int64_t from = 0;
    std::int64_t to = 0;
    const Component::Op* op = nullptr;
  };
  struct Open {  // of unknown outcome
    std::int64_t delta = 0;
    const Component::Op* op = nullptr;
  };
  std::int64_t initial = 0;
  std::vector<Move> moves;  // by value
  std::vector<Open> open;   // by start
};
std::optional<GrowingCounter> growing_counter(const Component& component);

/// What no order of a counter's operations can hold together, if it is there:
/// two increments from one value, a value inside of an increment, an order of
/// values against that of time, more than anyone added. Nothing where the
/// component is no counter that only grows, or where a search has to tell.
std::optional<Failure> counter_conflict(const Component& component);

/// A failure of these operations, but for those that are null.
inline Failure failure_of(std::string conflict, std::initializer_list<const Component::Op*> ops,
                          std::uint64_t known) {
  Failure failure{.conflict = std::move(conflict), .known = known};
  for (const Component::Op* op : ops) {
    if (op != nullptr) failure.blocked.push_back({op->operation, "", {}});
  }
  return failure;
}

}  // namespace holdfast::verify
