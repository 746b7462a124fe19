// SPDX-License-Identifier: Apache-2.0
// What can be left out because nobody depends on it.
#include "verify/effects.h"
#include "verify/reductions.h"

namespace holdfast::verify {
namespace {

using Needs = Step::Needs;
using Does = Step::Does;

/// How many of the operations that are left depend on what, to be counted up
/// and down as they go.
class Dependence {
 public:
  explicit Dependence(const Component& component)
      : component_(component),
        sees_(component.cells.size()),
        looks_(component.keys.size()),
        zero_(component.keys.size()),
        present_(component.keys.size()),
        derives_(component.keys.size()) {
    for (const Component::Op& op : component.ops) count(op, 1);
  }

  /// Takes the operation out of the count if it can go, and says so.
  bool leave(const Component::Op& op) {
    count(op, -1);
    bool free = true;
    for (const Step& step : component_.steps_of(op)) free = free && unseen(step);
    if (!free) count(op, 1);
    return free;
  }

 private:
  void count(const Component::Op& op, int by) {
    for (const Step& step : component_.steps_of(op)) {
      if (step.needs == Needs::cell) sees_[step.needed] += by;
      if (step.needs == Needs::zero) zero_[step.key] += by;
      if (step.needs == Needs::present) present_[step.key] += by;
      if (step.needs != Needs::nothing) looks_[step.key] += by;
      const Does does = effect_of(component_, step);
      if (does != Does::nothing && does != Does::put) derives_[step.key] += by;
    }
  }

  /// Whether no other operation can tell that this step was there.
  bool unseen(const Step& step) const {
    if (changes_nothing(component_, step)) return true;
    if (derives_[step.key] > 0) return false;
    if (step.does == Does::add) return looks_[step.key] == 0;
    const Value made = component_.cells[step.made];
    const bool is_zero = made.kind == Value::Kind::absent || made == Value{Value::Kind::integer, 0};
    return sees_[step.made] == 0 && (!is_zero || zero_[step.key] == 0) &&
           (made.kind == Value::Kind::absent || present_[step.key] == 0);
  }

  const Component& component_;
  std::vector<int> sees_;     // by cell: steps that need it
  std::vector<int> looks_;    // by key: steps that need anything of it
  std::vector<int> zero_;     // by key: steps that need what reads as 0
  std::vector<int> present_;  // by key: steps that need it to be there
  std::vector<int> derives_;  // by key: steps whose effect depends on its value
};

}  // namespace

Case without(const Case& whole, const Component& component, const std::vector<bool>& unwanted) {
  Dependence dependence(component);
  std::vector<bool> gone(whole.operations.size());
  // What depends on another is behind it as a rule, so a pass from the end
  // takes whole chains.
  bool more = true;
  while (more) {
    more = false;
    for (std::size_t i = component.ops.size(); i-- > 0;) {
      if (!unwanted[i] || gone[i] || !dependence.leave(component.ops[i])) continue;
      gone[i] = true;
      more = true;
    }
  }
  Case rest{.initial = whole.initial};
  const std::size_t first_final = whole.operations.size() - whole.finals;
  for (std::size_t i = 0; i < whole.operations.size(); ++i) {
    if (gone[i]) continue;
    rest.operations.push_back(whole.operations[i]);
    if (i >= first_final) ++rest.finals;
  }
  return rest;
}

}  // namespace holdfast::verify
