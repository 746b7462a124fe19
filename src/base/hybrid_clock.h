// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/units.h"

namespace holdfast {

/// A hybrid logical time: 48 bits of wall-clock milliseconds and a 16-bit
/// counter, in one number that compares as the order does.
/// Kulkarni et al., "Logical Physical Clocks", OPODIS 2014.
struct HybridTime {
  std::uint64_t value = 0;
  auto operator<=>(const HybridTime&) const = default;

  static HybridTime at(Instant wall) { return {static_cast<std::uint64_t>(to_ms(wall)) << 16}; }
  Instant wall() const { return instant_from_ms(static_cast<std::int64_t>(value >> 16)); }
};

/// Gives times that grow with every call, follow the wall clock, and lie after
/// everything that was observed. Pure: the wall clock is an argument.
class HybridClock {
 public:
  HybridTime tick(Instant wall) {
    const HybridTime now = HybridTime::at(wall);
    last_ = now > last_ ? now : HybridTime{last_.value + 1};
    return last_;
  }
  void observe(HybridTime other) {
    if (other > last_) last_ = other;
  }
  HybridTime last() const { return last_; }

 private:
  HybridTime last_;
};

}  // namespace holdfast
