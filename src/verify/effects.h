// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "verify/models.h"

namespace holdfast::verify {

/// What a step certainly does where its answer tells: a put on a condition that
/// the answer decides is a put, or nothing.
inline Step::Does effect_of(const Component& component, const Step& step) {
  using Needs = Step::Needs;
  using Does = Step::Does;
  if (step.does != Does::put_if_absent && step.does != Does::put_if_present) return step.does;
  const bool was_absent =
      step.needs == Needs::cell && component.cells[step.needed].kind == Value::Kind::absent;
  const bool was_present =
      step.needs == Needs::present || (step.needs == Needs::cell && !was_absent);
  if (!was_absent && !was_present) return step.does;
  return was_absent == (step.does == Does::put_if_absent) ? Does::put : Does::nothing;
}

/// Whether the key holds the same before and after it, where its answer fits.
inline bool changes_nothing(const Component& component, const Step& step) {
  const Step::Does does = effect_of(component, step);
  if (does == Step::Does::nothing) return true;
  return does == Step::Does::put && step.needs == Step::Needs::cell && step.needed == step.made;
}

}  // namespace holdfast::verify
