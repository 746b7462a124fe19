// SPDX-License-Identifier: Apache-2.0
#include "verify/search.h"

#include <algorithm>

#include "base/assert.h"

namespace holdfast::verify {
namespace {

/// SplitMix64 (Steele, Lea, Flood 2014): every bit of the input counts.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::pair<std::uint64_t, std::uint64_t> hash_of(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t first = mix(mix(a) ^ b);
  return {first, mix(first ^ mix(b + 0x632be59bd9b4e019) ^ a)};
}

std::pair<std::uint64_t, std::uint64_t> hash_of(std::uint32_t key, Value value) {
  // The top bit keeps values apart from operations, which are hashed by number.
  return hash_of(
      (std::uint64_t{1} << 63) | (std::uint64_t{key} << 8) | static_cast<std::uint64_t>(value.kind),
      static_cast<std::uint64_t>(value.number));
}

template <typename H>
void mix_in(H& hash, const H& other) {
  hash.first ^= other.first;
  hash.second ^= other.second;
}

bool touches(std::span<const Step> steps, std::uint32_t key) {
  return std::any_of(steps.begin(), steps.end(), [key](const Step& s) { return s.key == key; });
}

/// Whether nothing is left of `earlier` behind `later`, and `later` does not look.
bool hides(std::span<const Step> later, std::span<const Step> earlier) {
  return std::all_of(earlier.begin(), earlier.end(), [later](const Step& gone) {
    const auto first = std::find_if(later.begin(), later.end(),
                                    [&gone](const Step& s) { return s.key == gone.key; });
    return first != later.end() && first->needs == Step::Needs::nothing &&
           first->does == Step::Does::put;
  });
}

}  // namespace

bool Search::fits(const Step& step) const {
  switch (step.needs) {
    case Step::Needs::nothing:
      return true;
    case Step::Needs::cell:
      return cells_[step.key] == step.needed;
    case Step::Needs::zero:
      return values_[step.key].kind == Value::Kind::absent ||
             values_[step.key] == Value{Value::Kind::integer, 0};
    case Step::Needs::present:
      return values_[step.key].kind != Value::Kind::absent;
    case Step::Needs::never:
      return false;
  }
  return false;
}

void Search::assign(std::uint32_t key, Cell cell, Value value) {
  if (values_[key] == value) return;
  trail_.push_back({key, cells_[key], values_[key]});
  mix_in(state_hash_, hash_of(key, values_[key]));
  mix_in(state_hash_, hash_of(key, value));
  cells_[key] = cell;
  values_[key] = value;
}

bool Search::apply(const Step& step) {
  if (!fits(step)) return false;
  const Value now = values_[step.key];
  switch (step.does) {
    case Step::Does::nothing:
      return true;
    case Step::Does::put_if_absent:
      if (now.kind != Value::Kind::absent) return true;
      break;
    case Step::Does::put_if_present:
      if (now.kind == Value::Kind::absent) return true;
      break;
    case Step::Does::put:
      break;
    case Step::Does::add: {
      Value sum{Value::Kind::integer, 0};
      // What is no integer, or would be none, is refused and stays.
      if (now.kind == Value::Kind::text) return true;
      if (__builtin_add_overflow(now.number, step.delta, &sum.number)) return true;
      const auto cell = component_.numbers.find(std::pair(step.key, sum));
      assign(step.key, cell == component_.numbers.end() ? no_cell : cell->second, sum);
      return true;
    }
  }
  assign(step.key, step.made, component_.cells[step.made]);
  return true;
}

/// Changes the state, or leaves it where an answer does not fit.
bool Search::apply(const Component::Op& op) {
  const auto trail_size = static_cast<std::uint32_t>(trail_.size());
  for (const Step& step : component_.steps_of(op)) {
    if (apply(step)) continue;
    unwind(trail_size);
    return false;
  }
  return true;
}

bool Search::fits(const Component::Op& op) {
  const auto trail_size = static_cast<std::uint32_t>(trail_.size());
  const bool applied = apply(op);
  unwind(trail_size);
  return applied;
}

void Search::unwind(std::uint32_t trail_size) {
  while (trail_.size() > trail_size) {
    const Change& change = trail_.back();
    mix_in(state_hash_, hash_of(change.key, values_[change.key]));
    mix_in(state_hash_, hash_of(change.key, change.value));
    cells_[change.key] = change.cell;
    values_[change.key] = change.value;
    trail_.pop_back();
  }
}

void Search::toggle(std::uint32_t op) {
  mix_in(placed_hash_, hash_of(op, 1));
}

void Search::lift(std::uint32_t event) {
  for (const std::uint32_t at : {event, events_[event].other}) {
    events_[events_[at].previous].next = events_[at].next;
    events_[events_[at].next].previous = events_[at].previous;
  }
  const std::uint32_t op = events_[event].op;
  count(component_.ops[op], -1);
  toggle(op);
  ++placed_;
}

void Search::unlift(std::uint32_t event) {
  for (const std::uint32_t at : {events_[event].other, event}) {
    events_[events_[at].previous].next = at;
    events_[events_[at].next].previous = at;
  }
  const std::uint32_t op = events_[event].op;
  count(component_.ops[op], 1);
  toggle(op);
  --placed_;
}

std::uint32_t Search::first_return() const {
  std::uint32_t event = first_event();
  while (event != 0 && !events_[event].is_return) event = events_[event].next;
  return event;
}

/// Whether leaving what the trail remembers has left an answer without a state.
bool Search::dead(std::uint32_t trail_size) const {
  for (std::size_t i = trail_size; i < trail_.size(); ++i) {
    const auto [key, cell, value] = trail_[i];
    if (cell != no_cell && cells_[key] != cell && observers_[cell] > 0 && writers_[cell] == 0 &&
        wild_[key] == 0) {
      return true;
    }
  }
  return growing_ && past_a_need();
}

bool Search::past_a_need() const {
  const std::int64_t now = values_[0].number;
  std::uint32_t event = first_event();
  for (; event != 0 && !events_[event].is_return; event = events_[event].next) {
    const Step& step = component_.steps[component_.ops[events_[event].op].first_step];
    if (step.needs == Step::Needs::zero && now > 0) return true;
    if (step.needs == Step::Needs::cell && component_.cells[step.needed].number < now) return true;
  }
  return event != 0 && events_[event].needed_later < now;
}

bool Search::forced_write(const Component::Op& op) const {
  if (!plain_) return false;
  const Step& step = component_.steps[op.first_step];
  return step.needs == Step::Needs::nothing && observers_[cells_[0]] == 0 &&
         observers_[step.made] == 0;
}

const Search::Class& Search::class_before(std::uint32_t back) const {
  return classes_[frames_[frames_.size() - 1 - back].placed];
}

/// Whether every unknown operation just placed has to stand before `by`.
bool Search::row_is_needed(std::span<const Step> by) const {
  const std::uint32_t row = frames_.empty() ? 0 : frames_.back().row;
  if (row == 0) return true;
  const auto steps = [this](const Class& c) {
    return component_.steps_of(component_.ops[c.ops[0]]);
  };
  if (hides(by, steps(class_before(0)))) return false;
  for (std::uint32_t i = 0; i < row; ++i) {
    // One that others of the row may depend on stays.
    if (!class_before(i).only_adds) return true;
  }
  for (std::uint32_t i = 0; i < row; ++i) {
    const auto mine = steps(class_before(i));
    if (std::none_of(mine.begin(), mine.end(),
                     [by](const Step& step) { return touches(by, step.key); })) {
      return false;
    }
  }
  return true;
}

Search::Hash Search::configuration() const {
  Hash hash = placed_hash_;
  // Values that nobody will see are one, and not the first, whose hash is 0.
  const bool unseen = plain_ && observers_[cells_[0]] == 0;
  mix_in(hash, unseen ? hash_of(UINT64_MAX, 0) : state_hash_);
  return hash;
}

bool Search::try_known(std::uint32_t event) {
  const Component::Op& op = component_.ops[events_[event].op];
  const auto trail_size = static_cast<std::uint32_t>(trail_.size());
  ++steps_;
  if (!apply(op)) return false;
  lift(event);
  if (!dead(trail_size) && row_is_needed(component_.steps_of(op)) &&
      seen_.insert(configuration()).second) {
    frames_.push_back({.placed = event, .trail_size = trail_size});
    return true;
  }
  unlift(event);
  unwind(trail_size);
  return false;
}

bool Search::try_class(std::uint32_t number, Time due, const Bounds& bounds) {
  Class& kind = classes_[number];
  if (kind.used == kind.ops.size()) return false;
  const std::uint32_t index = kind.ops[kind.used];
  const Component::Op& op = component_.ops[index];
  if (op.start > due) return false;
  const auto steps = component_.steps_of(op);
  if (plain_ && observers_[steps[0].made] == 0) return false;
  Frame frame{.placed = number,
              .unknown = true,
              .trail_size = static_cast<std::uint32_t>(trail_.size()),
              .row = 1,
              .kinds = 1};
  if (!frames_.empty() && frames_.back().row > 0) {
    const Frame& before = frames_.back();
    const Class& last = classes_[before.placed];
    if (kind.only_adds && last.only_adds && number < before.placed) return false;
    if (hides(steps, component_.steps_of(component_.ops[last.ops[0]]))) return false;
    frame.row = before.row + 1;
    frame.kinds = before.kinds + (number == before.placed ? 0 : 1);
  }
  if (frame.kinds > bounds.kinds_in_row) {
    cut_ = true;
    return false;
  }
  ++steps_;
  apply(op);
  count(op, -1);
  // Without effect here it can as well be nowhere.
  if (trail_.size() == frame.trail_size || dead(frame.trail_size)) {
    count(op, 1);
    unwind(frame.trail_size);
    return false;
  }
  ++kind.used;
  toggle(index);
  frames_.push_back(frame);
  return true;
}

/// Whether the operation, which fits, loses nothing by being placed now.
///
/// Let it come later in an order that exists. What stands before it there began
/// before its end. Of that, the first known operation to change or need a key
/// that this one changes would need the value this key has now, or not look. If
/// there is none, this one can as well be first.
bool Search::nothing_comes_before(std::uint32_t index, const Bounds& bounds) {
  const Component::Op& op = component_.ops[index];
  const auto changed = [&](const Step& step) { return step.does != Step::Does::nothing; };
  for (const Step& step : component_.steps_of(op)) {
    if (!changed(step) || unknown_on_[step.key] == 0) continue;
    if (unknown_from_[step.key] > op.end) continue;
    if (!bounds.hasty) return false;
    cut_ = true;
  }
  for (std::uint32_t event = first_event(); event != 0; event = events_[event].next) {
    if (events_[event].is_return) continue;
    const Component::Op& other = component_.ops[events_[event].op];
    if (other.start > op.end) break;
    if (events_[event].op == index) continue;
    for (const Step& step : component_.steps_of(other)) {
      const auto mine = component_.steps_of(op);
      const bool shared = std::any_of(
          mine.begin(), mine.end(), [&](const Step& s) { return s.key == step.key && changed(s); });
      const bool exact = step.needs == Step::Needs::cell || step.needs == Step::Needs::zero;
      if (shared && (!exact || fits(step))) return false;
    }
  }
  return true;
}

/// Whether the operation can be placed now at no loss.
bool Search::forced(std::uint32_t index, const Bounds& bounds) {
  const Component::Op& op = component_.ops[index];
  if (forced_write(op)) return true;
  if (!only_reads_[index] && !exact_[index]) return false;
  if (!fits(op) || !row_is_needed(component_.steps_of(op))) return false;
  return only_reads_[index] || nothing_comes_before(index, bounds);
}

/// Places what needs no choice.
void Search::settle(const Bounds& bounds) {
  std::uint32_t event = first_event();
  while (event != 0 && !events_[event].is_return) {
    const std::uint32_t call = event;
    const auto trail_size = static_cast<std::uint32_t>(trail_.size());
    ++steps_;
    event = events_[call].next;
    if (!forced(events_[call].op, bounds)) continue;
    // The return goes with its call.
    if (event == events_[call].other) event = events_[event].next;
    apply(component_.ops[events_[call].op]);
    lift(call);
    frames_.push_back({.placed = call, .forced = true, .trail_size = trail_size});
    // In a new state others may fit.
    if (trail_.size() != trail_size) event = first_event();
  }
}

bool Search::advance(Cursor& cursor, const Bounds& bounds) {
  std::uint32_t event = cursor.event;
  for (; event != 0 && !events_[event].is_return; event = events_[event].next) {
    if (try_known(event)) return true;
  }
  cursor.event = event;
  const Time due = component_.ops[events_[event].op].end;
  // Last: most are needed rarely, and used up they are missed.
  for (; cursor.next_class < classes_.size(); ++cursor.next_class) {
    if (try_class(cursor.next_class, due, bounds)) return true;
  }
  return false;
}

void Search::undo(const Frame& frame) {
  if (frame.unknown) {
    Class& kind = classes_[frame.placed];
    --kind.used;
    toggle(kind.ops[kind.used]);
    count(component_.ops[kind.ops[kind.used]], 1);
  } else {
    unlift(frame.placed);
  }
  unwind(frame.trail_size);
}

/// To the last choice that has alternatives, and behind it.
bool Search::back(Cursor& cursor) {
  while (!frames_.empty()) {
    const Frame frame = frames_.back();
    frames_.pop_back();
    undo(frame);
    if (frame.forced) continue;
    cursor = frame.unknown ? Cursor{first_return(), frame.placed + 1}
                           : Cursor{events_[frame.placed].next, 0};
    return true;
  }
  return false;
}

Verdict Search::run(const Bounds& bounds) {
  reset();
  settle(bounds);
  Cursor cursor{first_event(), 0};
  while (first_event() != 0) {
    if (steps() >= bounds.steps) return Verdict::undecided;
    if (advance(cursor, bounds)) {
      settle(bounds);
      cursor = {first_event(), 0};
      continue;
    }
    if (explaining_ && steps_ == furthest_->steps) return Verdict::violation;
    note_dead_end(bounds);
    if (!back(cursor)) return Verdict::violation;
  }
  return Verdict::ok;
}

void Search::note_dead_end(const Bounds& bounds) {
  if (furthest_ && placed_ <= furthest_->placed) return;
  furthest_ = {placed_, steps_, bounds};
  furthest_->run.steps = UINT64_MAX;
}

}  // namespace holdfast::verify
