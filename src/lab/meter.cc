// SPDX-License-Identifier: Apache-2.0
#include "lab/meter.h"

#include <algorithm>

#include "base/limits.h"

namespace holdfast::lab {

Meter::Meter(std::size_t nodes)
    : slots_(nodes),
      phases_(nodes),
      seen_(nodes, Seen{.beats = std::vector<std::uint64_t>(nodes)}),
      beats_(nodes) {}

void Meter::acknowledge(At now) {
  ++acknowledged_;
  last_ = now;
}

void Meter::settled(At now) {
  acknowledge(now);
}

void Meter::beat(std::size_t node, std::uint64_t number, At now) {
  beats_[node].push_back({number, now});
  if (beats_[node].size() > limits::lab_marks_max) beats_[node].pop_front();
}

void Meter::accepted(std::size_t node, At now, At took) {
  acknowledge(now);
  both(node, [&](Standing& one) {
    ++one.counts.accepted;
    one.counts.latencies.record(took);
  });
}

void Meter::read(std::size_t node, At took) {
  both(node, [&](Standing& one) {
    ++one.counts.read;
    one.counts.latencies.record(took);
  });
}

void Meter::refused(std::size_t node, std::string_view code) {
  both(node, [&](Standing& one) {
    ++one.counts.refused;
    ++one.counts.codes[std::string(code)];
  });
}

void Meter::unknown(std::size_t node, std::string_view code) {
  both(node, [&](Standing& one) {
    ++one.counts.unknown;
    ++one.counts.codes[std::string(code)];
  });
}

void Meter::shows(std::size_t node, At asked, std::uint64_t acknowledged, std::int64_t value,
                  const std::vector<std::uint64_t>& beats) {
  seen_[node] = {value, beats};
  both(node, [&](Standing& one) { one.value = value; });
  compare(node, asked, acknowledged);
}

void Meter::is_silent(std::size_t node, At asked, std::uint64_t acknowledged) {
  both(node, [](Standing& one) { one.value.reset(); });
  compare(node, asked, acknowledged);
}

void Meter::compare(std::size_t node, At asked, std::uint64_t acknowledged) {
  const Seen& seen = seen_[node];
  const auto has = static_cast<std::uint64_t>(std::max<std::int64_t>(0, seen.value));
  At behind{0};
  for (std::size_t other = 0; other < beats_.size(); ++other) {
    const auto missed =
        std::ranges::upper_bound(beats_[other], seen.beats[other], {}, &Beat::number);
    if (missed != beats_[other].end()) behind = std::max(behind, asked - missed->acknowledged);
  }
  both(node, [&](Standing& one) {
    one.behind = std::max(one.behind, acknowledged - std::min(acknowledged, has));
    one.behind_for = std::max(one.behind_for, behind);
  });
}

std::vector<Standing> Meter::end(std::vector<Standing>& standings) {
  std::vector<Standing> ended(standings.size());
  std::swap(ended, standings);
  for (std::size_t i = 0; i < ended.size(); ++i) standings[i].value = ended[i].value;
  return ended;
}

}  // namespace holdfast::lab
