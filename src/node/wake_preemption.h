// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "base/units.h"

namespace holdfast::node {

/// Whether a thread, when it wakes, may take the processor from whoever runs there.
///
/// One that does little shall: it is done in microseconds, and what runs there may go on for
/// milliseconds. One that is busy shall not (Linux's SCHED_BATCH, see sched(7)): it would stop
/// a client between two of its requests to serve the first alone, and each would cost a change
/// of threads both ways. Where a processor is free for it neither matters.
///
/// It goes by how much of the time the thread was running. No clock is read here.
class WakePreemption {
 public:
  using Duration = std::chrono::nanoseconds;

  static constexpr Millis interval{100};  // between two samples
  /// Shares of the time, in percent: far enough from each other that it does not go to and fro.
  static constexpr unsigned busy_percent = 20;
  static constexpr unsigned idle_percent = 10;

  Monotonic next_sample_at() const { return next_; }

  /// `ran`: for how long the thread has run since it began. What it is to be from now on,
  /// where that changes: true, it preempts, as it does at first.
  std::optional<bool> sample(Monotonic now, Duration ran);

 private:
  bool preempts_ = true;
  std::optional<Monotonic> sampled_;
  Duration ran_{};
  Monotonic next_{};
};

}  // namespace holdfast::node
