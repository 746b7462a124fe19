// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/units.h"
#include "base/wire.h"

namespace holdfast::dedup {

/// How many ids are remembered and what they count for, by buckets of time
/// that leave as wholes. A bucket spans RETAIN-IDS / 256 or less, a power of
/// two of milliseconds; so an id counts at most that long past its window.
class Window {
 public:
  void set_retain(Millis retain);
  Millis retain() const { return retain_; }

  void add(Instant first_applied, std::uint64_t bytes);
  /// Moves the horizon: all first applied at or before `now` - retain is gone
  /// for good, also if the window is made longer later.
  void expire(Instant now);
  /// Whether there is anything to keep: an id was added, or the horizon moved.
  bool moved() const { return total_.ids > 0 || horizon_ >= Instant{}; }
  /// Up to when ids are gone for good.
  Instant horizon() const { return horizon_; }
  bool is_gone(Instant first_applied, Instant now) const {
    return first_applied <= horizon_ || first_applied <= now - retain_;
  }

  std::uint64_t ids() const { return total_.ids; }
  std::uint64_t bytes() const { return total_.bytes; }

  void encode(std::string& out) const;
  /// False when the bytes are no window's.
  bool decode(wire::Reader& in);

 private:
  struct Count {
    std::uint64_t ids = 0;
    std::uint64_t bytes = 0;
  };
  Count& bucket_of(std::int64_t ms);

  Millis retain_{0};
  std::int64_t width_ms_ = 1;  // a power of two
  Instant horizon_{Millis(-1)};
  std::map<std::int64_t, Count> buckets_;  // by the last millisecond in it
  Count total_;
  Count* last_used_ = nullptr;  // nearly every id falls where the one before fell
  std::int64_t last_used_end_ = 0;
};

}  // namespace holdfast::dedup
