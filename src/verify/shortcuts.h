// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>

#include "verify/linearizable.h"

namespace holdfast::verify {

/// Decides, in the time of a sort, a register whose values are each put once:
/// one key, only puts that do not look and reads of exact values. Nothing where
/// the component is not such. Gibbons and Korach, "Testing shared memories"
/// (1997), section 4: each value with its readers has a zone of time; two zones
/// in which the value must have been there do not overlap, and none holds a
/// value that was there within it alone.
std::optional<Checked> check_register(const Component& component);

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
