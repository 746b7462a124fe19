// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/string_hash.h"
#include "base/units.h"

namespace holdfast::node {

/// Slows who signs in with wrong tokens: from one address `burst` failures at
/// once and one more each second, as a leaky bucket (ITU-T I.371's). Beyond
/// that tokens from there are not even compared. Remembers so many addresses,
/// and no longer than it takes a bucket to run dry. Pure. One thread.
class FailedSignIns {
 public:
  static constexpr double burst = 20;
  static constexpr double leaks_per_second = 1;
  static constexpr std::size_t addresses_max = 10'000;

  /// Whether another try from there is looked at; `address` without a port.
  bool admits(std::string_view address, Monotonic now);
  void failed(std::string_view address, Monotonic now);

 private:
  struct Bucket {
    double level = 0;
    Monotonic at{};
  };
  static double level_at(const Bucket& bucket, Monotonic now);
  void make_room(Monotonic now);

  StringMap<Bucket> buckets_;
};

}  // namespace holdfast::node
