// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/units.h"
#include "base/wire.h"

namespace holdfast::strong {

/// What a keyspace's request ids take, for MAX-IDS-BYTES. The id table's own
/// count depends on what it has spilled and swept so far; whether an operation
/// is refused must not, or a node that replays the log would decide otherwise.
/// So this counts from the log alone: each id as 48 bytes and its reply, until
/// a whole span of ids (a 128th of the window) has passed it.
class IdBudget {
 public:
  void record(Instant now, std::size_t reply_bytes, Millis kept) {
    if (spans_.empty() || now - spans_.back().first > kept / spans_per_window)
      spans_.push_back({now, now, 0});
    Span& span = spans_.back();
    span.last = now;
    span.bytes += id_bytes + reply_bytes;
    bytes_ += id_bytes + reply_bytes;
    if (spans_.size() > spans_per_window) forget(now, kept);
  }
  /// What the ids remembered at `now` take.
  std::uint64_t bytes(Instant now, Millis kept) {
    forget(now, kept);
    return bytes_;
  }

  void encode(std::string& out) const;
  void decode(wire::Reader& in);  // into a fresh one; in.ok() tells

 private:
  static constexpr std::size_t id_bytes = 48;
  static constexpr int spans_per_window = 128;
  struct Span {
    Instant first;
    Instant last;
    std::uint64_t bytes;
  };
  void forget(Instant now, Millis kept) {
    while (!spans_.empty() && spans_.front().last + kept < now) {
      bytes_ -= spans_.front().bytes;
      spans_.pop_front();
    }
  }

  std::deque<Span> spans_;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::strong
