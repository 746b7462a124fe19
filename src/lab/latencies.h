// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace holdfast::lab {

/// How long things took, each known to a tenth, in room that does not grow.
class Latencies {
 public:
  void add(std::chrono::microseconds took);
  std::uint64_t count() const { return count_; }
  /// At most so long took this share of them. 0 where there are none.
  std::chrono::microseconds percentile(double share) const;

 private:
  // From 10 µs on, each bucket ends a tenth later than the one before; the last has all from about
  // 2 minutes on.
  static constexpr std::size_t buckets = 172;
  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
};

}  // namespace holdfast::lab
