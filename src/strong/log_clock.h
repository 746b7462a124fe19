// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

#include "base/units.h"

namespace holdfast::strong {

/// What time it is by a log whose entries' times never go back, on a machine whose clock may be
/// behind them: a node's clock was wrong, and then set right. Were it to stand still until the
/// clocks have caught up, so would every expiry and every wait of a workflow. It goes on at half
/// the pace instead, so that the clocks do catch up, whoever appends: what should take a time
/// takes at most twice that. (Clocks that are ahead are slewed like that, not stepped: adjtime(3).)
/// Pure; one thread.
class LogClock {
 public:
  /// An entry of this time was applied. Of the same time again: nothing happens.
  void applied(Instant time, Monotonic now) {
    if (time == time_) return;
    time_ = time;
    at_ = now;
  }

  /// Never before `wall`, nor before what was applied. Monotonic::min() was never.
  Instant now(Instant wall, Monotonic now) const {
    if (wall >= time_) return wall;
    const auto gone = std::chrono::duration_cast<Millis>(std::max(now, at_) - at_);
    return std::max(wall, time_ + gone / 2);
  }

 private:
  Instant time_{};
  Monotonic at_{};
};

}  // namespace holdfast::strong
