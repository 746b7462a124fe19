// SPDX-License-Identifier: Apache-2.0
#include "verify/reductions.h"

#include <algorithm>
#include <iterator>

#include "verify/merge.h"
#include "verify/shortcuts.h"
#include "verify/wide.h"

namespace holdfast::verify {
namespace {

/// The operations that `keeps` likes, by number.
template <typename Keeps>
Case filter(const Case& whole, Keeps keeps) {
  Case rest{.initial = whole.initial};
  const std::size_t first_final = whole.operations.size() - whole.finals;
  for (std::size_t i = 0; i < whole.operations.size(); ++i) {
    if (!keeps(i)) continue;
    rest.operations.push_back(whole.operations[i]);
    if (i >= first_final) ++rest.finals;
  }
  return rest;
}

}  // namespace

std::optional<Case> case_of(const History& history) {
  auto merged = merge_retries(history.operations);
  if (!merged) return std::nullopt;
  Case whole{.initial = history.initial};
  for (const Operation& one : merged->operations) {
    if (auto rest = without_errors(one)) whole.operations.push_back(*std::move(rest));
  }
  std::vector<Operation> reads = final_reads(history, merged->operations);
  whole.finals = reads.size();
  std::move(reads.begin(), reads.end(), std::back_inserter(whole.operations));
  return whole;
}

History history_of(const Case& whole) {
  History history{.initial = whole.initial};
  const auto first_final = whole.operations.end() - static_cast<std::ptrdiff_t>(whole.finals);
  history.operations.assign(whole.operations.begin(), first_final);
  for (auto read = first_final; read != whole.operations.end(); ++read) {
    const std::string& key = read->commands[0][1];
    const bool same_line = !history.finals.empty() && history.finals.back().line == read->line &&
                           history.finals.back().node == read->node &&
                           !history.finals.back().values.contains(key);
    if (!same_line)
      history.finals.push_back({.node = read->node, .values = {}, .line = read->line});
    history.finals.back().values.emplace(key, read->answer);
  }
  return history;
}

Case only(const Case& whole, Component& component) {
  std::vector<bool> kept(whole.operations.size());
  std::uint32_t number = 0;
  for (Component::Op& op : component.ops) {
    kept[op.operation] = true;
    op.operation = number++;
  }
  Case rest = filter(whole, [&kept](std::size_t i) { return kept[i]; });
  rest.initial.clear();
  for (const std::string& key : component.keys) {
    const auto value = whole.initial.find(key);
    if (value != whole.initial.end()) rest.initial.insert(*value);
  }
  return rest;
}

Case cut(const Case& whole, Time time) {
  Case rest{.initial = whole.initial};
  const std::size_t first_final = whole.operations.size() - whole.finals;
  for (std::size_t i = 0; i < first_final; ++i) {
    const Operation& one = whole.operations[i];
    if (one.start > time) continue;
    const bool still_open = one.outcome == Outcome::applied && *one.end > time;
    rest.operations.push_back(still_open ? unanswered(one) : one);
  }
  return rest;
}

Case narrowed(const Case& whole, const Keys& keys) {
  Case rest;
  const std::size_t first_final = whole.operations.size() - whole.finals;
  for (std::size_t i = 0; i < whole.operations.size(); ++i) {
    auto part = narrow(whole.operations[i], keys);
    if (!part) continue;
    rest.operations.push_back(*std::move(part));
    if (i >= first_final) ++rest.finals;
  }
  for (const auto& [key, value] : whole.initial) {
    if (keys.contains(key)) rest.initial.emplace(key, value);
  }
  return rest;
}

std::vector<std::int64_t> levels(const Component& component) {
  const auto counter = growing_counter(component);
  std::vector<std::int64_t> values;
  if (!counter) return values;
  for (const GrowingCounter::Move& move : counter->moves) {
    if (move.from > counter->initial && (values.empty() || values.back() != move.from)) {
      values.push_back(move.from);
    }
  }
  return values;
}

Case from_level(const Case& whole, const Component& component, std::int64_t level) {
  const auto counter = growing_counter(component);
  std::vector<bool> gone(whole.operations.size());
  for (const GrowingCounter::Move& move : counter->moves) {
    if (move.from < level) gone[move.op->operation] = true;
  }
  Case rest = filter(whole, [&gone](std::size_t i) { return !gone[i]; });
  rest.initial.insert_or_assign(component.keys[0], Answer::of(std::to_string(level)));
  return rest;
}

Case without_needless(const Case& whole, const Component& component) {
  const auto counter = growing_counter(component);
  if (!counter) return whole;
  Wide open = 0;
  std::int64_t greatest = counter->initial;
  for (const GrowingCounter::Move& move : counter->moves) {
    open -= Wide{move.to} - move.from;
    greatest = std::max(greatest, move.to);
  }
  open += Wide{greatest} - counter->initial;
  std::vector<bool> gone(whole.operations.size());
  for (const auto& [delta, op] : counter->open) gone[op->operation] = delta > open;
  return filter(whole, [&gone](std::size_t i) { return !gone[i]; });
}

}  // namespace holdfast::verify
