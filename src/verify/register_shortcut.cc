// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "verify/shortcuts.h"

namespace holdfast::verify {
namespace {

constexpr Time before_all = INT64_MIN;
constexpr Time after_all = INT64_MAX;

/// A value: who put it and who saw it.
struct Cluster {
  const Component::Op* write = nullptr;        // none: it was there before, or never put
  const Component::Op* ends_first = nullptr;   // the value was put before its end
  const Component::Op* starts_last = nullptr;  // and was still there after its start
  Time least_end = after_all;
  Time greatest_start = before_all;
  Cell cell = no_cell;

  bool used() const { return greatest_start != before_all; }
  /// The value must have been there from its one end to the other; else, it
  /// was there for at least a moment between these.
  bool forward() const { return least_end < greatest_start; }
  void add(const Component::Op& op) {
    if (!op.unknown && op.end < least_end) {
      least_end = op.end;
      ends_first = &op;
    }
    if (op.start > greatest_start) {
      greatest_start = op.start;
      starts_last = &op;
    }
  }
};

/// By cell; nothing where the component is no register of unique values.
std::optional<std::vector<Cluster>> clusters_of(const Component& component) {
  if (component.keys.size() != 1) return std::nullopt;
  std::vector<Cluster> clusters(component.cells.size());
  std::vector<bool> seen(component.cells.size());
  for (const Component::Op& op : component.ops) {
    if (op.steps != 1) return std::nullopt;
    const Step& step = component.steps[op.first_step];
    const bool looks = step.needs == Step::Needs::cell;
    const bool puts = step.does == Step::Does::put && !(looks && step.made == step.needed);
    const bool plain = step.needs == Step::Needs::nothing || looks;
    const bool certain = step.does == Step::Does::put || step.does == Step::Does::nothing;
    if (!plain || !certain || looks == puts) return std::nullopt;
    if (looks) seen[step.needed] = true;
    if (!puts) continue;
    Cluster& cluster = clusters[step.made];
    if (cluster.write != nullptr || step.made == component.initial[0]) return std::nullopt;
    cluster.write = &op;
  }
  for (Cell cell = 0; cell < clusters.size(); ++cell) {
    clusters[cell].cell = cell;
    const Component::Op* const write = clusters[cell].write;
    // Of unknown outcome and never seen it may as well have been nowhere.
    if (write != nullptr && (!write->unknown || seen[cell])) clusters[cell].add(*write);
  }
  for (const Component::Op& op : component.ops) {
    const Step& step = component.steps[op.first_step];
    if (step.needs == Step::Needs::cell) clusters[step.needed].add(op);
  }
  Cluster& first = clusters[component.initial[0]];
  if (first.used()) {
    first.least_end = before_all;
    first.ends_first = nullptr;
  }
  return clusters;
}

/// A value that was never put, or seen before.
std::optional<Failure> seen_too_early(const Component& component,
                                      const std::vector<Cluster>& clusters, std::uint64_t known) {
  for (const Component::Op& op : component.ops) {
    const Step& step = component.steps[op.first_step];
    if (step.needs != Step::Needs::cell || step.needed == component.initial[0]) continue;
    const Component::Op* const write = clusters[step.needed].write;
    const std::string value = component.to_text(component.cells[step.needed]);
    if (write == nullptr) {
      return failure_of(fmt::format("{} was seen, and nobody ever put it:", value), {&op}, known);
    }
    if (op.end < write->start) {
      return failure_of(fmt::format("{} was seen before it was put:", value), {&op, write}, known);
    }
  }
  return std::nullopt;
}

std::optional<Failure> zones_conflict(const Component& component,
                                      const std::vector<Cluster>& clusters, std::uint64_t known) {
  std::vector<const Cluster*> forward;
  for (const Cluster& cluster : clusters) {
    if (cluster.used() && cluster.forward()) forward.push_back(&cluster);
  }
  const auto value = [&](const Cluster& c) { return component.to_text(component.cells[c.cell]); };
  std::sort(forward.begin(), forward.end(), [](const Cluster* a, const Cluster* b) {
    return std::pair(a->least_end, a->cell) < std::pair(b->least_end, b->cell);
  });
  for (std::size_t i = 1; i < forward.size(); ++i) {
    // Those before it do not overlap each other, so the last of them ends last.
    const Cluster& a = *forward[i - 1];
    const Cluster& b = *forward[i];
    if (a.greatest_start <= b.least_end) continue;
    return failure_of(
        fmt::format("It must have held {} from the end of one to the start of another of the first "
                    "of these, and {} likewise by the last of them; these times overlap:",
                    value(a), value(b)),
        {a.ends_first, a.starts_last, b.ends_first, b.starts_last}, known);
  }
  for (const Cluster& b : clusters) {
    if (!b.used() || b.forward()) continue;
    const auto behind =
        std::lower_bound(forward.begin(), forward.end(), b.greatest_start,
                         [](const Cluster* a, Time time) { return a->least_end < time; });
    if (behind == forward.begin()) continue;
    const Cluster& a = **std::prev(behind);
    if (b.least_end >= a.greatest_start) continue;
    return failure_of(
        fmt::format("It must have held {} all the time between the first two of these "
                    "(or from the beginning), and {} at some time within:",
                    value(a), value(b)),
        {a.ends_first, a.starts_last, b.starts_last, b.ends_first}, known);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Checked> check_register(const Component& component) {
  const auto clusters = clusters_of(component);
  if (!clusters) return std::nullopt;
  const auto known = static_cast<std::uint64_t>(
      std::count_if(component.ops.begin(), component.ops.end(),
                    [](const Component::Op& op) { return !op.unknown; }));
  Checked checked{.steps = component.ops.size()};
  checked.failure = seen_too_early(component, *clusters, known);
  if (!checked.failure) checked.failure = zones_conflict(component, *clusters, known);
  if (checked.failure) checked.verdict = Verdict::violation;
  return checked;
}

}  // namespace holdfast::verify
