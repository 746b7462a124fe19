// SPDX-License-Identifier: Apache-2.0
// What a search tells of the furthest order it found.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/assert.h"
#include "verify/search.h"

namespace holdfast::verify {

/// An operation not placed yet that has to see that value of the key, or of a
/// counter one below a number.
std::optional<std::uint32_t> Search::still_needing(std::uint32_t key, Cell cell,
                                                   std::int64_t below) const {
  for (std::uint32_t event = first_event(); event != 0; event = events_[event].next) {
    if (events_[event].is_return) continue;
    const Component::Op& op = component_.ops[events_[event].op];
    for (const Step& step : component_.steps_of(op)) {
      if (step.key != key || step.needed == no_cell) continue;
      const bool is_below = growing_ && component_.cells[step.needed].number < below;
      if (step.needed == cell || is_below) return op.operation;
    }
  }
  return std::nullopt;
}

/// Why the operation did not come next.
Failure::Blocked Search::why_not(std::uint32_t index) {
  const Component::Op& op = component_.ops[index];
  Failure::Blocked blocked{op.operation, "fits here, but nothing that could follow it does", {}};
  const auto trail_size = static_cast<std::uint32_t>(trail_.size());
  for (const Step& step : component_.steps_of(op)) {
    const std::string now = component_.to_text(values_[step.key]);
    if (apply(step)) continue;
    std::string needed = "a number that no increment reaches";
    if (step.needs == Step::Needs::present) needed = "present";
    if (step.needs == Step::Needs::zero) needed = "0 or absent";
    if (step.needs == Step::Needs::cell) needed = component_.to_text(component_.cells[step.needed]);
    blocked.why =
        fmt::format("needs {} to be {}, which is {}", component_.keys[step.key], needed, now);
    unwind(trail_size);
    return blocked;
  }
  std::uint32_t call = first_event();
  while (events_[call].op != index) call = events_[call].next;
  lift(call);
  if (dead(trail_size)) {
    for (std::size_t i = trail_size; i < trail_.size() && !blocked.whom; ++i) {
      const auto [key, cell, value] = trail_[i];
      blocked.whom = still_needing(key, cell, values_[key].number);
      if (!blocked.whom) continue;
      blocked.why = fmt::format(
          "would change {} from {} to {}, before this one saw {}:", component_.keys[key],
          component_.to_text(value), component_.to_text(values_[key]),
          growing_ ? "less than that" : "the former");
    }
  }
  unlift(call);
  unwind(trail_size);
  return blocked;
}

std::vector<std::uint32_t> Search::last_placed() const {
  std::vector<std::uint32_t> last;
  std::map<std::uint32_t, std::uint32_t> used_of;  // of classes, counted back
  for (std::size_t i = frames_.size(); i > 0 && last.size() < failure_last_max; --i) {
    const Frame& frame = frames_[i - 1];
    if (!frame.unknown) {
      last.push_back(component_.ops[events_[frame.placed].op].operation);
      continue;
    }
    const Class& kind = classes_[frame.placed];
    std::uint32_t& used = used_of.try_emplace(frame.placed, kind.used).first->second;
    last.push_back(component_.ops[kind.ops[--used]].operation);
  }
  std::reverse(last.begin(), last.end());
  return last;
}

Failure Search::explain() {
  Failure failure;
  failure.known = (events_.size() - 1) / 2;
  if (!furthest_) return failure;  // out of steps before the first dead end
  explaining_ = true;
  const Verdict again = run(furthest_->run);
  explaining_ = false;
  HF_ASSERT(again == Verdict::violation && placed_ == furthest_->placed);
  failure.placed = placed_;
  failure.last = last_placed();
  std::set<std::uint32_t> keys;
  const auto block = [&](std::uint32_t index) {
    if (failure.blocked.size() >= failure_last_max) return;
    failure.blocked.push_back(why_not(index));
    for (const Step& step : component_.steps_of(component_.ops[index])) keys.insert(step.key);
  };
  const std::uint32_t due = events_[first_return()].op;
  block(due);
  for (std::uint32_t e = first_event(); !events_[e].is_return; e = events_[e].next) {
    if (events_[e].op != due) block(events_[e].op);
  }
  for (const std::uint32_t key : keys) {
    if (failure.state.size() >= failure_last_max) break;
    failure.state.emplace_back(component_.keys[key], component_.to_text(values_[key]));
  }
  return failure;
}

}  // namespace holdfast::verify
