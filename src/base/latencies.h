// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace holdfast {

/// Counts durations in buckets that are each at most 1/32 wide, from a
/// microsecond to over an hour: quantiles are that exact, memory is constant.
class Latencies {
 public:
  /// `times`: so many took so long.
  void record(std::chrono::nanoseconds duration, std::uint64_t times = 1);
  /// The duration that the part `q` (0 to 1) did not exceed; 0 without any.
  std::chrono::microseconds quantile(double q) const;
  std::uint64_t count() const { return count_; }
  /// How many took no longer, to the buckets' precision.
  std::uint64_t count_up_to(std::chrono::microseconds duration) const;

  Latencies& operator+=(const Latencies& other);
  /// What came since `earlier`, which is this as it was at some time.
  Latencies since(const Latencies& earlier) const;

 private:
  static constexpr int bits = 5;  // 32 buckets a doubling
  static constexpr int doublings = 32;
  static std::size_t bucket_of(std::uint64_t us);
  static std::uint64_t upper_end(std::size_t bucket);

  std::array<std::uint64_t, static_cast<std::size_t>(doublings + 1) << bits> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace holdfast
