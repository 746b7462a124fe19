// SPDX-License-Identifier: Apache-2.0
#include "base/latencies.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace holdfast {

std::size_t Latencies::bucket_of(std::uint64_t us) {
  if (us < 1U << bits) return us;
  const int shift = static_cast<int>(std::bit_width(us)) - 1 - bits;  // leaves bits + 1 digits
  const std::size_t bucket = (static_cast<std::size_t>(shift) << bits) + (us >> shift);
  return std::min(bucket, std::tuple_size_v<decltype(buckets_)> - 1);
}

std::uint64_t Latencies::upper_end(std::size_t bucket) {
  if (bucket < 1U << bits) return bucket;
  const std::size_t shift = (bucket >> bits) - 1;
  const std::uint64_t digits = bucket - (shift << bits);
  return ((digits + 1) << shift) - 1;
}

void Latencies::record(std::chrono::nanoseconds duration, std::uint64_t times) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  buckets_[bucket_of(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)))] += times;
  count_ += times;
}

Latencies& Latencies::operator+=(const Latencies& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  return *this;
}

Latencies Latencies::since(const Latencies& earlier) const {
  Latencies rest = *this;
  for (std::size_t i = 0; i < buckets_.size(); ++i) rest.buckets_[i] -= earlier.buckets_[i];
  rest.count_ -= earlier.count_;
  return rest;
}

std::chrono::microseconds Latencies::quantile(double q) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen > 0 && seen >= wanted) {
      return std::chrono::microseconds(static_cast<std::int64_t>(upper_end(bucket)));
    }
  }
  return std::chrono::microseconds(0);
}

std::uint64_t Latencies::count_up_to(std::chrono::microseconds duration) const {
  const std::size_t end = bucket_of(static_cast<std::uint64_t>(duration.count()));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket <= end; ++bucket) seen += buckets_[bucket];
  return seen;
}

}  // namespace holdfast
