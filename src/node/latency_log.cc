// SPDX-License-Identifier: Apache-2.0
#include "node/latency_log.h"

#include <algorithm>

#include "base/limits.h"

namespace holdfast::node {

void LatencyLog::add(std::string_view event, Instant at, std::chrono::microseconds took) {
  if (!is_on() || took < threshold_) return;
  const std::int64_t second = to_ms(at) / 1'000;
  const std::int64_t ms = std::chrono::duration_cast<Millis>(took).count();
  auto found = events_.find(event);
  if (found == events_.end()) found = events_.emplace(event, Event{}).first;
  Event& its = found->second;
  its.worst_ms = std::max(its.worst_ms, ms);
  if (!its.samples.empty() && its.samples.back().at_seconds == second) {
    its.samples.back().took_ms = std::max(its.samples.back().took_ms, ms);
    return;
  }
  if (its.samples.size() == limits::latency_samples_max) its.samples.pop_front();
  its.samples.push_back({second, ms});
}

std::size_t LatencyLog::reset(std::string_view event) {
  if (!event.empty()) {
    const auto found = events_.find(event);
    if (found == events_.end()) return 0;
    events_.erase(found);
    return 1;
  }
  const std::size_t all = events_.size();
  events_.clear();
  return all;
}

}  // namespace holdfast::node
