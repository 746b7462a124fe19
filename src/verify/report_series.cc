// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "verify/report_tries.h"

namespace holdfast::verify {
namespace {

using Json = nlohmann::ordered_json;

constexpr Time stretches_max = 120;

/// 1, 2 or 5 times a power of ten.
Time stretch_of(std::uint64_t whole) {
  const std::uint64_t least = whole / stretches_max + 1;
  for (std::uint64_t unit = 1;; unit *= 10) {
    for (const std::uint64_t width : {unit, 2 * unit, 5 * unit}) {
      if (width >= least) return static_cast<Time>(width);
    }
  }
}

struct Stretch {
  std::uint64_t replied = 0;
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;
  std::vector<Time> latencies;  // of replies

  /// The latency that `share` of them did not exceed, or null.
  Json latency(double share) {
    if (latencies.empty()) return {};
    const auto last = static_cast<double>(latencies.size() - 1);
    const auto at = latencies.begin() + static_cast<std::ptrdiff_t>(last * share);
    std::nth_element(latencies.begin(), at, latencies.end());
    return *at;
  }
};

}  // namespace

Extent extent_of(const History& history) {
  Extent extent{std::numeric_limits<Time>::max(), std::numeric_limits<Time>::min()};
  for (const Operation& one : history.operations) {
    extent.start = std::min(extent.start, one.start);
    extent.end = std::max(extent.end, one.end.value_or(one.start));
  }
  return history.operations.empty() ? Extent{} : extent;
}

Json series_json(const History& history, const Extent& extent) {
  const std::uint64_t whole =
      static_cast<std::uint64_t>(extent.end) - static_cast<std::uint64_t>(extent.start);
  const Time width = stretch_of(whole);
  std::vector<Stretch> stretches(
      static_cast<std::size_t>(whole / static_cast<std::uint64_t>(width)) + 1);
  for (const Operation& one : history.operations) {
    // When it was over: an answer held up by a fault belongs to when it came.
    const Time when = one.end.value_or(one.start);
    const std::uint64_t since =
        static_cast<std::uint64_t>(when) - static_cast<std::uint64_t>(extent.start);
    Stretch& stretch =
        stretches[static_cast<std::size_t>(since / static_cast<std::uint64_t>(width))];
    if (one.outcome == Outcome::unknown) {
      ++stretch.unknown;
    } else if (one.outcome == Outcome::refused && !one.error.empty()) {
      ++stretch.refused;
    } else {
      ++stretch.replied;
      stretch.latencies.push_back(when - one.start);
    }
  }
  Json series{{"width", width}};
  for (const char* column : {"replied", "refused", "unknown", "p50", "p99"}) {
    series[column] = Json::array();
  }
  for (Stretch& stretch : stretches) {
    series["replied"].push_back(stretch.replied);
    series["refused"].push_back(stretch.refused);
    series["unknown"].push_back(stretch.unknown);
    series["p50"].push_back(stretch.latency(0.5));
    series["p99"].push_back(stretch.latency(0.99));
  }
  return series;
}

}  // namespace holdfast::verify
