// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace holdfast::node {

/// What took long, by event, for LATENCY: the worst of each second, the newest of them. Bounded by
/// limits::latency_samples_max an event. Pure. One thread.
class LatencyLog {
 public:
  struct Sample {
    std::int64_t at_seconds;  // Unix time
    std::int64_t took_ms;
  };

  /// What takes as long is kept; 0: nothing is.
  void set_threshold(Millis threshold) { threshold_ = threshold; }
  Millis threshold() const { return threshold_; }
  bool is_on() const { return threshold_.count() > 0; }

  void add(std::string_view event, Instant at, std::chrono::microseconds took);
  /// Of one event, or (empty) of all; how many events.
  std::size_t reset(std::string_view event);

  struct Event {
    std::deque<Sample> samples;  // the oldest first
    std::int64_t worst_ms = 0;   // ever
  };
  const std::map<std::string, Event, std::less<>>& events() const { return events_; }

 private:
  Millis threshold_{0};
  std::map<std::string, Event, std::less<>> events_;
};

}  // namespace holdfast::node
