// SPDX-License-Identifier: Apache-2.0
#include "lab/latencies.h"

#include <algorithm>
#include <cmath>

namespace holdfast::lab {
namespace {

constexpr double first_us = 10;
constexpr double growth = 1.1;

}  // namespace

void Latencies::add(std::chrono::microseconds took) {
  const double us = std::max(static_cast<double>(took.count()), first_us);
  const auto at = static_cast<std::size_t>(std::ceil(std::log(us / first_us) / std::log(growth)));
  ++counts_[std::min(at, buckets - 1)];
  ++count_;
}

std::chrono::microseconds Latencies::percentile(double share) const {
  if (count_ == 0) return std::chrono::microseconds(0);
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  std::size_t at = 0;
  while (at + 1 < buckets && (seen += counts_[at]) < wanted) ++at;
  return std::chrono::microseconds(
      static_cast<std::int64_t>(first_us * std::pow(growth, static_cast<double>(at))));
}

}  // namespace holdfast::lab
