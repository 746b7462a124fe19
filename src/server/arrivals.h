// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/latencies.h"
#include "base/limits.h"
#include "base/units.h"

namespace holdfast::server {

/// How long a connection's requests take, from the read that brought them to the moment their
/// replies are given to the socket. Those that came together are one batch with one time: a clock
/// read for each of a pipeline would cost more than some of them do.
class Arrivals {
 public:
  /// All requests up to the `taken`-th of the connection that were not told of before came then.
  void took(std::uint64_t taken, Monotonic at) {
    if (taken == taken_) return;
    taken_ = taken;
    const bool joins = !batches_.empty() && (batches_.back().at == at || batches_.size() == kept);
    if (joins) {
      batches_.back().end = taken;
    } else {
      batches_.push_back({taken, at});
    }
  }
  /// What is answered next has waited by its own wish: it counts from now on.
  void begin_now(Monotonic now) {
    if (!batches_.empty()) batches_.front().at = now;
  }
  /// Whether some were answered that gave() has not heard of.
  bool are_due(std::uint64_t answered) const { return answered != given_; }
  /// All up to the `answered`-th are answered.
  void gave(std::uint64_t answered, Monotonic now, Latencies& into) {
    std::size_t done = 0;
    while (given_ < answered && done < batches_.size()) {
      const Batch& first = batches_[done];
      const std::uint64_t end = std::min(first.end, answered);
      into.record(now - first.at, end - given_);
      given_ = end;
      if (end == first.end) ++done;
    }
    given_ = answered;
    batches_.erase(batches_.begin(), batches_.begin() + static_cast<std::ptrdiff_t>(done));
  }

 private:
  static constexpr std::size_t kept = 1'024;  // beyond these, later ones count as the last

  struct Batch {
    std::uint64_t end = 0;  // of its requests, counted from the connection's first
    Monotonic at;
  };
  std::uint64_t taken_ = 0;
  std::uint64_t given_ = 0;
  std::vector<Batch> batches_;  // under way, the oldest first
};

}  // namespace holdfast::server
