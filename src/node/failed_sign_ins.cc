// SPDX-License-Identifier: Apache-2.0
#include "node/failed_sign_ins.h"

#include <algorithm>
#include <chrono>

namespace holdfast::node {

double FailedSignIns::level_at(const Bucket& bucket, Monotonic now) {
  const double seconds = std::chrono::duration<double>(now - bucket.at).count();
  return std::max(0.0, bucket.level - seconds * leaks_per_second);
}

bool FailedSignIns::admits(std::string_view address, Monotonic now) {
  const auto at = buckets_.find(address);
  return at == buckets_.end() || level_at(at->second, now) < burst;
}

void FailedSignIns::failed(std::string_view address, Monotonic now) {
  if (buckets_.size() >= addresses_max && !buckets_.contains(address)) make_room(now);
  Bucket& bucket = buckets_[address];
  bucket = {level_at(bucket, now) + 1, now};
}

// Who is known to be dry, else everybody: an attacker with that many addresses is
// slowed by none of them.
void FailedSignIns::make_room(Monotonic now) {
  absl::erase_if(buckets_, [&](const auto& one) { return level_at(one.second, now) <= 0; });
  if (buckets_.size() >= addresses_max) buckets_.clear();
}

}  // namespace holdfast::node
