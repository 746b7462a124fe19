// SPDX-License-Identifier: Apache-2.0
// What a search knows before it begins.
#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include "verify/search.h"

namespace holdfast::verify {

Search::Search(const Component& component) : component_(component) {
  for (const Component::Op& op : component_.ops) {
    const auto steps = component_.steps_of(op);
    only_reads_.push_back(std::all_of(steps.begin(), steps.end(), [](const Step& step) {
      // Putting what has to be there already changes nothing.
      return step.does == Step::Does::nothing ||
             (step.does == Step::Does::put && step.needs == Step::Needs::cell &&
              step.made == step.needed);
    }));
  }
  for (const Component::Op& op : component_.ops) {
    const auto steps = component_.steps_of(op);
    std::set<std::uint32_t> looked;
    exact_.push_back(!op.unknown && std::all_of(steps.begin(), steps.end(), [&](const Step& step) {
      const bool exact = step.needs == Step::Needs::cell || step.needs == Step::Needs::zero;
      if (exact) looked.insert(step.key);
      return step.does == Step::Does::nothing || looked.contains(step.key);
    }));
  }
  unknown_from_.assign(component_.keys.size(), INT64_MAX);
  for (const Component::Op& op : component_.ops) {
    if (!op.unknown) continue;
    for (const Step& step : component_.steps_of(op)) {
      unknown_from_[step.key] = std::min(unknown_from_[step.key], op.start);
    }
  }
  build_events();
  build_classes();
  find_shape();
}

void Search::build_events() {
  struct Moment {
    Time time;
    bool is_return;
    std::uint32_t op;
  };
  std::vector<Moment> moments;
  for (std::uint32_t i = 0; i < component_.ops.size(); ++i) {
    const Component::Op& op = component_.ops[i];
    if (op.unknown) continue;
    moments.push_back({op.start, false, i});
    moments.push_back({op.end, true, i});
  }
  // At one instant calls come first: what may be concurrent is.
  std::stable_sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
    return std::pair(a.time, a.is_return) < std::pair(b.time, b.is_return);
  });
  events_.resize(moments.size() + 1);
  std::vector<std::uint32_t> call_of(component_.ops.size());
  for (std::uint32_t i = 0; i < moments.size(); ++i) {
    Event& event = events_[i + 1];
    event.op = moments[i].op;
    event.is_return = moments[i].is_return;
    if (event.is_return) {
      event.other = call_of[event.op];
      events_[event.other].other = i + 1;
    } else {
      call_of[event.op] = i + 1;
    }
  }
}

void Search::build_classes() {
  const auto text_of = [this](const Component::Op& op) {
    std::string text;
    for (const Step& step : component_.steps_of(op)) {
      text +=
          fmt::format("{} {} {} {};", step.key, static_cast<int>(step.does), step.made, step.delta);
    }
    return text;
  };
  absl::flat_hash_map<std::string, std::size_t> numbers;
  for (std::uint32_t i = 0; i < component_.ops.size(); ++i) {
    const Component::Op& op = component_.ops[i];
    if (!op.unknown) continue;
    const auto [at, fresh] = numbers.try_emplace(text_of(op), classes_.size());
    if (fresh) {
      const auto steps = component_.steps_of(op);
      classes_.emplace_back().only_adds = std::all_of(
          steps.begin(), steps.end(), [](const Step& s) { return s.does == Step::Does::add; });
    }
    classes_[at->second].ops.push_back(i);
  }
}

void Search::find_shape() {
  if (component_.keys.size() != 1) return;
  const auto number_of = [this](Cell cell) -> const Value& { return component_.cells[cell]; };
  plain_ = true;
  growing_ = true;
  for (const Component::Op& op : component_.ops) {
    const auto steps = component_.steps_of(op);
    const Step& step = steps[0];
    const bool exact = step.needs == Step::Needs::nothing || step.needs == Step::Needs::cell;
    plain_ = plain_ && steps.size() == 1 && exact &&
             (step.does == Step::Does::nothing || step.does == Step::Does::put);
    const bool counted =
        step.needs == Step::Needs::zero ||
        (step.needs == Step::Needs::cell && number_of(step.needed).kind != Value::Kind::text);
    bool rises = step.does == Step::Does::add && step.delta >= 0;
    if (counted && step.does == Step::Does::nothing) rises = true;
    if (counted && step.does == Step::Does::put) {
      rises = number_of(step.made).kind == Value::Kind::integer &&
              number_of(step.made).number >= number_of(step.needed).number;
    }
    growing_ = growing_ && steps.size() == 1 && rises;
  }
  growing_ = growing_ && number_of(component_.initial[0]).kind != Value::Kind::text;
  if (!growing_) return;
  std::int64_t least = INT64_MAX;
  for (std::size_t i = events_.size() - 1; i > 0; --i) {
    events_[i].needed_later = least;
    if (events_[i].is_return) continue;
    const Step& step = component_.steps[component_.ops[events_[i].op].first_step];
    least = std::min(least, number_of(step.needed).number);
  }
}

void Search::count(const Component::Op& op, int by) {
  const auto steps = component_.steps_of(op);
  const auto change = static_cast<std::uint32_t>(by);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    if (step.made != no_cell) writers_[step.made] += change;
    if (step.does == Step::Does::add) wild_[step.key] += change;
    if (op.unknown) unknown_on_[step.key] += change;
    if (step.needs != Step::Needs::cell) continue;
    // Behind a step on the same key it looks at what its own operation made.
    const bool first = std::none_of(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(i),
                                    [&step](const Step& s) { return s.key == step.key; });
    if (first) observers_[step.needed] += change;
  }
}

void Search::reset() {
  const auto last = static_cast<std::uint32_t>(events_.size() - 1);
  for (std::uint32_t i = 0; i <= last; ++i) {
    events_[i].next = i == last ? 0 : i + 1;
    events_[i].previous = i == 0 ? last : i - 1;
  }
  for (Class& kind : classes_) kind.used = 0;
  cells_ = component_.initial;
  values_.clear();
  for (const Cell cell : cells_) values_.push_back(component_.cells[cell]);
  observers_.assign(component_.cells.size(), 0);
  writers_.assign(component_.cells.size(), 0);
  wild_.assign(component_.keys.size(), 0);
  unknown_on_.assign(component_.keys.size(), 0);
  for (const Component::Op& op : component_.ops) count(op, 1);
  trail_.clear();
  frames_.clear();
  placed_hash_ = {};
  state_hash_ = {};
  seen_.clear();
  placed_ = 0;
  steps_before_ += steps_;
  steps_ = 0;
  cut_ = false;
}

}  // namespace holdfast::verify
