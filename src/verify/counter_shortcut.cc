// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "verify/shortcuts.h"
#include "verify/wide.h"

namespace holdfast::verify {
namespace {

using Move = GrowingCounter::Move;

std::optional<std::int64_t> number_of(const Component& component, Cell cell) {
  const Value value = component.cells[cell];
  if (value.kind == Value::Kind::text) return std::nullopt;
  return value.number;  // 0 where it is absent
}

struct Added {
  Time start = 0;
  Wide sum = 0;  // with all that began earlier
};

std::vector<Added> sums_of(const std::vector<GrowingCounter::Open>& open) {
  std::vector<Added> sums;
  sums.reserve(open.size());
  Wide sum = 0;
  for (const auto& [delta, op] : open) sums.push_back({op->start, sum += delta});
  return sums;
}

}  // namespace

std::optional<GrowingCounter> growing_counter(const Component& component) {
  if (component.keys.size() != 1) return std::nullopt;
  GrowingCounter counter;
  const auto initial = number_of(component, component.initial[0]);
  if (!initial) return std::nullopt;
  counter.initial = *initial;
  for (const Component::Op& op : component.ops) {
    if (op.steps != 1) return std::nullopt;
    const Step& step = component.steps[op.first_step];
    if (op.unknown) {
      if (step.does != Step::Does::add || step.delta < 0) return std::nullopt;
      counter.open.push_back({step.delta, &op});
      continue;
    }
    const bool looks = step.needs == Step::Needs::cell || step.needs == Step::Needs::zero;
    const bool puts = step.does == Step::Does::put;
    if (!looks || !(puts || step.does == Step::Does::nothing)) return std::nullopt;
    const auto from = number_of(component, step.needed);
    const auto to = puts ? number_of(component, step.made) : from;
    if (!from || !to || *to < *from) return std::nullopt;
    if (puts && component.cells[step.made].kind == Value::Kind::absent) return std::nullopt;
    counter.moves.push_back({*from, *to, &op});
  }
  std::stable_sort(counter.moves.begin(), counter.moves.end(), [](const Move& a, const Move& b) {
    return std::pair(a.from, a.to) < std::pair(b.from, b.to);
  });
  return counter;
}

std::optional<Failure> counter_conflict(const Component& component) {
  const auto counter = growing_counter(component);
  if (!counter) return std::nullopt;
  const std::uint64_t known = counter->moves.size();
  const Move* rise = nullptr;                  // the last increment below
  const Component::Op* latest = nullptr;       // of those at lower values, who began last
  const Component::Op* latest_here = nullptr;  // the same with those that saw this value
  Wide risen = 0;
  const std::vector<Added> unknown = sums_of(counter->open);
  for (std::size_t i = 0; i < counter->moves.size(); ++i) {
    const Move& move = counter->moves[i];
    if (move.from < counter->initial) {
      return failure_of(fmt::format("It began at {} and only ever grew:", counter->initial),
                        {move.op}, known);
    }
    if (rise != nullptr && move.from < rise->to) {
      return failure_of(
          fmt::format("Between {} and {} there was one increment:", rise->from, rise->to),
          {rise->op, move.op}, known);
    }
    if (i == 0 || counter->moves[i - 1].from != move.from) latest = latest_here;
    const Component::Op* const before = move.to > move.from ? latest_here : latest;
    if (before != nullptr && move.op->end < before->start) {
      return failure_of("It only grows, and these saw it fall:", {move.op, before}, known);
    }
    const auto begun =
        std::upper_bound(unknown.begin(), unknown.end(), move.op->end,
                         [](Time time, const Added& added) { return time < added.start; });
    const Wide possible = begun == unknown.begin() ? Wide{0} : std::prev(begun)->sum;
    if (Wide{move.from} - counter->initial - risen > possible) {
      return failure_of(
          fmt::format("To reach {} more was added than anyone can have added by then:", move.from),
          {move.op}, known);
    }
    if (latest_here == nullptr || move.op->start > latest_here->start) latest_here = move.op;
    if (move.to == move.from) continue;
    rise = &move;
    risen += Wide{move.to} - move.from;
  }
  return std::nullopt;
}

}  // namespace holdfast::verify
