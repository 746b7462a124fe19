// SPDX-License-Identifier: Apache-2.0
#include "verify/shrink_order.h"

#include <algorithm>
#include <functional>

#include "verify/delta_debugging.h"
#include "verify/reductions.h"

namespace holdfast::verify {
namespace {

/// A case without an order: one component.
struct Failing {
  Case what;
  Component component;
  Failure failure;  // its operations are those of `what`
  std::uint64_t steps = 0;

  std::size_t size() const { return what.operations.size() + component.keys.size(); }
};

void renumber(Failure& failure, const Component& before) {
  std::vector<std::uint32_t> number(before.ops.empty() ? 0 : before.ops.back().operation + 1);
  for (std::uint32_t i = 0; i < before.ops.size(); ++i) number[before.ops[i].operation] = i;
  for (std::uint32_t& one : failure.last) one = number[one];
  for (Failure::Blocked& blocked : failure.blocked) {
    blocked.operation = number[blocked.operation];
    if (blocked.whom) blocked.whom = number[*blocked.whom];
  }
}

class Shrinker {
 public:
  explicit Shrinker(const ShrinkOptions& options)
      : checks_left_(options.checks_max), steps_left_(options.steps_max) {}

  bool begin(const Case& whole, std::uint64_t steps_max) {
    auto found = failing(whole, steps_max);
    if (!found) return false;
    now_ = *std::move(found);
    return true;
  }

  /// Each way in turn, until none helps any more: what is gone for one reason
  /// often stood in the way of another.
  void run() {
    std::size_t before = 0;
    do {
      before = now_.size();
      keep_the_conflict();
      drop_keys();
      end_sooner();
      if (now_.what.operations.size() <= soon_done_max) drop_operations();
      begin_later();
      end_sooner();
      begin_at_one();
      attempt_if_smaller(without_needless(now_.what, now_.component));
      drop_operations();
    } while (now_.size() < before);
  }

  const Case& result() const { return now_.what; }

 private:
  /// The first component without an order. Counts the steps.
  std::optional<Failing> failing(const Case& whole, std::uint64_t steps_max) {
    auto components = compile(whole.operations, whole.initial);
    if (!components) return std::nullopt;
    for (Component& component : *components) {
      Checked checked = linearizable(component, steps_max);
      steps_taken_ += checked.steps;
      if (checked.verdict != Verdict::violation) continue;
      Failing found{.failure = *std::move(checked.failure), .steps = checked.steps};
      renumber(found.failure, component);
      found.what = only(whole, component);
      found.component = std::move(component);
      return found;
    }
    return std::nullopt;
  }

  /// Goes on with the smaller case if it fails too.
  bool attempt(const Case& smaller) {
    if (checks_left_ == 0 || steps_left_ == 0) return false;
    --checks_left_;
    // What takes much longer to decide than the larger case did is seldom worth it.
    const std::uint64_t bound =
        std::min(steps_left_, std::max(now_.steps * slower_max, steps_always));
    steps_taken_ = 0;
    auto found = failing(smaller, bound);
    steps_left_ -= std::min(steps_left_, steps_taken_);
    if (!found) return false;
    now_ = *std::move(found);
    return true;
  }

  /// The same, of what may not be smaller at all.
  bool attempt_if_smaller(const Case& smaller) {
    return smaller.operations.size() < now_.what.operations.size() && attempt(smaller);
  }

  /// Often the operations that the failure names, and those that they need,
  /// are all.
  void keep_the_conflict() {
    std::vector<bool> unwanted(now_.what.operations.size(), true);
    for (const std::uint32_t one : now_.failure.last) unwanted[one] = false;
    for (const Failure::Blocked& blocked : now_.failure.blocked) {
      unwanted[blocked.operation] = false;
      if (blocked.whom) unwanted[*blocked.whom] = false;
    }
    attempt_if_smaller(without(now_.what, now_.component, unwanted));
  }

  void drop_keys() {
    minimize(now_.component.keys.size(),
             [this](const std::vector<bool>& unwanted) -> std::optional<std::size_t> {
               Keys keys;
               for (std::size_t i = 0; i < unwanted.size(); ++i) {
                 if (!unwanted[i]) keys.insert(now_.component.keys[i]);
               }
               if (!attempt(narrowed(now_.what, keys))) return std::nullopt;
               return now_.component.keys.size();
             });
  }

  /// Finds the last of so many steps in one direction that still fails, where
  /// each that fails follows from those behind it; or one that leaves so few.
  template <typename Make>
  void go_far(std::size_t steps, Make make, std::size_t enough = 0) {
    std::size_t low = 0;
    while (low < steps && now_.what.operations.size() > enough) {
      const std::size_t middle = low + (steps - low) / 2;
      if (attempt(make(middle))) {
        low = middle + 1;
      } else {
        steps = middle;
      }
    }
  }

  /// Where more than a few operations are left: those tell the story better
  /// than a value that stands for them.
  void begin_later() {
    // Of the case as it is now: places and values stay what they are in it.
    const Case whole = now_.what;
    const Component component = now_.component;
    const std::vector<std::size_t> places = quiet_places(component);
    go_far(
        places.size(), [&](std::size_t i) { return behind(whole, component, places[i]); }, few_max);
    const Case rest = now_.what;
    const Component counter = now_.component;
    const std::vector<std::int64_t> values = levels(counter);
    go_far(
        values.size(), [&](std::size_t i) { return from_level(rest, counter, values[i]); },
        few_max);
  }

  void begin_at_one() {
    const Case whole = now_.what;
    const Component component = now_.component;
    const std::vector<std::size_t> telling = telling_operations(whole, component);
    const auto make = [&](std::size_t i) { return from_operation(whole, component, telling[i]); };
    go_far(telling.size(), make, few_max);
    // What fails at one may not at the next, so that a few are tried each by each.
    for (std::size_t i = telling.size(); i-- > 0 && telling.size() - i < tried_each_max;) {
      if (now_.what.operations.size() <= few_max) return;
      attempt_if_smaller(make(i));
    }
  }

  void end_sooner() {
    std::vector<Time> ends;
    for (const Operation& one : now_.what.operations) {
      if (one.outcome == Outcome::applied) ends.push_back(*one.end);
    }
    std::sort(ends.begin(), ends.end(), std::greater<>());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    const Case whole = now_.what;
    go_far(ends.size(), [&](std::size_t i) { return cut(whole, ends[i]); });
  }

  void drop_operations() {
    minimize(now_.what.operations.size(),
             [this](const std::vector<bool>& unwanted) -> std::optional<std::size_t> {
               if (!attempt_if_smaller(without(now_.what, now_.component, unwanted)))
                 return std::nullopt;
               return now_.what.operations.size();
             });
  }

  static constexpr std::size_t few_max = 4;
  static constexpr std::size_t tried_each_max = 50;
  static constexpr std::size_t soon_done_max = 50;
  static constexpr std::uint64_t slower_max = 4;
  static constexpr std::uint64_t steps_always = 100'000;

  Failing now_;
  std::uint64_t checks_left_;
  std::uint64_t steps_left_;
  std::uint64_t steps_taken_ = 0;
};

}  // namespace

std::optional<History> shrink_order(const History& history, const ShrinkOptions& options) {
  const auto whole = case_of(history);
  Shrinker shrinker(options);
  if (!whole || !shrinker.begin(*whole, options.steps_max)) return std::nullopt;
  shrinker.run();
  return history_of(shrinker.result());
}

}  // namespace holdfast::verify
