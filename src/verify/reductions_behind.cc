// SPDX-License-Identifier: Apache-2.0
// Places where a history can be taken for one that begins there.
#include <algorithm>

#include "verify/effects.h"
#include "verify/reductions.h"

namespace holdfast::verify {
namespace {

using Needs = Step::Needs;
using Does = Step::Does;

constexpr Time never = INT64_MAX;

/// By operation: when it had certainly been applied if it ever was to be; never
/// where that is open.
std::vector<Time> certain_ends(const Component& component) {
  // How often each value is made, and when it was first certainly there to see.
  // An increment may have made it too; but if so it began before, is open
  // itself, and allows no quiet place from there on.
  std::vector<int> made(component.cells.size());
  std::vector<Time> seen_by(component.cells.size(), never);
  for (const Cell cell : component.initial) ++made[cell];
  for (const Component::Op& op : component.ops) {
    for (const Step& step : component.steps_of(op)) {
      const Does does = effect_of(component, step);
      if (does != Does::nothing && does != Does::add) ++made[step.made];
      if (!op.unknown && step.needs == Needs::cell) {
        seen_by[step.needed] = std::min(seen_by[step.needed], op.end);
      }
    }
  }
  std::vector<Time> ends;
  ends.reserve(component.ops.size());
  for (const Component::Op& op : component.ops) {
    ends.push_back(op.unknown ? never : op.end);
    if (!op.unknown || op.steps != 1) continue;
    const Step& step = component.steps[op.first_step];
    if (step.does == Does::add || made[step.made] != 1) continue;
    ends.back() = std::max(seen_by[step.made], op.start);
  }
  return ends;
}

/// Walks the operations by start and tells what keys hold behind them.
class Walk {
 public:
  explicit Walk(const Component& component)
      : component_(component), holds_(component.initial), changed_(component.keys.size(), -never) {}

  void pass(const Component::Op& op, Time end) {
    last_end_ = std::max(last_end_, end);
    // A key may come twice: then the first step would hide that the whole
    // operation overlapped another, so the ends are noted behind all.
    for (const Step& step : component_.steps_of(op)) {
      const bool alone = op.start > changed_[step.key];
      const Does does = effect_of(component_, step);
      if (does != Does::nothing) {
        // Of unknown outcome, with an end: it was seen, so it has put its value.
        tell(step.key, alone && does != Does::add ? step.made : no_cell);
      } else if (alone && step.needs == Needs::cell) {
        tell(step.key, step.needed);
      }
    }
    for (const Step& step : component_.steps_of(op)) {
      if (effect_of(component_, step) == Does::nothing) continue;
      changed_[step.key] = std::max(changed_[step.key], end);
    }
  }

  bool quiet_before(const Component::Op& next) const {
    return last_end_ < next.start && uncertain_ == 0;
  }
  const std::vector<Cell>& holds() const { return holds_; }

 private:
  void tell(std::uint32_t key, Cell cell) {
    if (holds_[key] == no_cell) --uncertain_;
    if (cell == no_cell) ++uncertain_;
    holds_[key] = cell;
  }

  const Component& component_;
  std::vector<Cell> holds_;    // by key; no_cell: uncertain
  std::vector<Time> changed_;  // by key: the end of the last to change it
  Time last_end_ = -never;
  std::uint32_t uncertain_ = 0;
};

std::map<std::string, Answer> values_of(const Component& component,
                                        const std::vector<Cell>& cells) {
  std::map<std::string, Answer> values;
  for (std::size_t key = 0; key < cells.size(); ++key) {
    const Value value = component.cells[cells[key]];
    if (value.kind == Value::Kind::absent) continue;
    const bool is_number = value.kind == Value::Kind::integer;
    values.emplace(
        component.keys[key],
        Answer::of(is_number ? std::to_string(value.number)
                             : (*component.texts)[static_cast<std::size_t>(value.number)]));
  }
  return values;
}

/// By key, what the operation's answer tells that it held; nothing where it
/// does not of each.
std::optional<std::vector<Cell>> cells_before(const Component& component, const Component::Op& op) {
  std::vector<Cell> cells(component.keys.size(), no_cell);
  std::size_t told = 0;
  for (const Step& step : component.steps_of(op)) {
    if (cells[step.key] != no_cell) continue;  // a later step of the same operation
    if (step.needs != Needs::cell) return std::nullopt;
    cells[step.key] = step.needed;
    ++told;
  }
  if (told < cells.size()) return std::nullopt;
  return cells;
}

}  // namespace

std::vector<std::size_t> quiet_places(const Component& component) {
  const std::vector<Time> ends = certain_ends(component);
  Walk walk(component);
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < component.ops.size(); ++i) {
    if (i > 0 && walk.quiet_before(component.ops[i])) places.push_back(i);
    walk.pass(component.ops[i], ends[i]);
  }
  return places;
}

Case behind(const Case& whole, const Component& component, std::size_t place) {
  const std::vector<Time> ends = certain_ends(component);
  Walk walk(component);
  for (std::size_t i = 0; i < place; ++i) walk.pass(component.ops[i], ends[i]);
  Case rest{.finals = whole.finals};
  rest.operations.assign(whole.operations.begin() + static_cast<std::ptrdiff_t>(place),
                         whole.operations.end());
  rest.finals = std::min(rest.finals, rest.operations.size());
  rest.initial = values_of(component, walk.holds());
  return rest;
}

std::vector<std::size_t> telling_operations(const Case& whole, const Component& component) {
  std::vector<std::size_t> telling;
  const std::size_t first_final = whole.operations.size() - whole.finals;
  for (std::size_t i = 0; i < first_final; ++i) {
    if (!component.ops[i].unknown && cells_before(component, component.ops[i])) {
      telling.push_back(i);
    }
  }
  return telling;
}

Case from_operation(const Case& whole, const Component& component, std::size_t number) {
  const std::vector<Time> ends = certain_ends(component);
  const Component::Op& first = component.ops[number];
  const std::size_t first_final = whole.operations.size() - whole.finals;
  Case rest{.finals = whole.finals};
  for (std::size_t i = 0; i < whole.operations.size(); ++i) {
    const Component::Op& op = component.ops[i];
    if (ends[i] < first.start) continue;
    const bool overlaps = i < first_final && i != number && !op.unknown && op.start <= first.end;
    rest.operations.push_back(overlaps ? unanswered(whole.operations[i]) : whole.operations[i]);
  }
  rest.initial = values_of(component, *cells_before(component, first));
  return rest;
}

}  // namespace holdfast::verify
