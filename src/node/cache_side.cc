// SPDX-License-Identifier: Apache-2.0
#include "node/cache_side.h"

#include <utility>

namespace holdfast::node {

CacheSide::CacheSide(Parts parts, const CacheTimes& times)
    : parts_(std::move(parts)),
      times_(times),
      own_({.node = parts_.node,
            .keepers = parts_.keepers,
            .append = parts_.append,
            .confirm = parts_.confirm},
           times),
      others_({.node = parts_.node,
               .keepers = parts_.keepers,
               .replies = parts_.replies,
               .is_own = [this](Ticket ticket) { return parts_.replies.is_own(ticket); },
               .append =
                   [this](const CatalogOperation& operation, std::function<void()> done) {
                     parts_.append(operation,
                                   [done = std::move(done)](std::string_view) { done(); });
                   }},
              times) {}

Result<bool> CacheSide::want(Millis waited, Millis patience, Monotonic now) {
  if (stopping_) return fail(Code::unavailable, "this node is stopping");
  if (!parts_.tracking.any() && waited < times_.meeting && !parts_.is_connected()) return false;
  Result<bool> may = own_.want(now);
  if (may && !*may && waited > patience) {
    return fail(
        Code::unavailable,
        "this node cannot be sure in time of what others have acknowledged: its clients can "
        "keep no caches");
  }
  return may;
}

void CacheSide::turn(Position applied, Monotonic now) {
  const bool kept = parts_.tracking.any();
  own_.turn(kept && !stopping_, now);
  if (kept && !own_.may_keep(now)) {
    parts_.tracking.cut_all(
        "it keeps a cache, and this node cannot be sure in time of what others have acknowledged");
  }
  others_.turn(applied, now);
}

void CacheSide::flushed(Position applied) {
  if (parts_.keepers.find(parts_.node) != nullptr) parts_.tell(applied);
}

void CacheSide::stop() {
  stopping_ = true;
  own_.give_up();
  parts_.tracking.cut_all("this node is stopping");
}

}  // namespace holdfast::node
