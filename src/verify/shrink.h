// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "verify/history.h"
#include "verify/linearizable.h"

namespace holdfast::verify {

struct ShrinkOptions {
  std::uint64_t checks_max = 5'000;
  // Of each part when the violation is looked for, as check() has it; then of
  // all further checks together.
  std::uint64_t steps_max = steps_max_default;
};

/// A history as small as we find in which check() finds the first violation of
/// this kind (Report::Violation::check) too. Sound: nothing is left out that
/// could make it fail by its absence; had the whole history an order that
/// explains it (or sums, or replies, that agree), so had the smaller one. What
/// is left is the operations after merging tries, but for `retries`; some have
/// lost their answer, some keys have an initial value that a moment in the
/// whole history had for certain; faults are not kept. The history itself where
/// no such violation is found within the bounds. Pure and deterministic.
History shrink(const History& history, const std::string& check, const ShrinkOptions& options = {});

}  // namespace holdfast::verify
