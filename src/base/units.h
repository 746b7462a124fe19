// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace holdfast {

/// A place in a log's order. The first entry has position 1; 0 is "before all".
struct Position {
  std::uint64_t value = 0;
  auto operator<=>(const Position&) const = default;
  Position next() const { return {value + 1}; }
};

/// Wall-clock time in milliseconds since 1970, as entries carry it. Cores never
/// read a clock: they are given an Instant.
using Instant = std::chrono::sys_time<std::chrono::milliseconds>;
using Millis = std::chrono::milliseconds;
/// Time that never jumps, for deadlines. Cores are given it, too.
using Monotonic = std::chrono::steady_clock::time_point;

inline Instant instant_from_ms(std::int64_t ms) {
  return Instant(Millis(ms));
}
inline std::int64_t to_ms(Instant t) {
  return t.time_since_epoch().count();
}

/// Identifies a keyspace for ever: ids are given by the catalog and never reused.
struct KeyspaceId {
  std::uint32_t value = 0;
  auto operator<=>(const KeyspaceId&) const = default;
};

/// Identifies an authenticated service; 0 is "nobody signed in".
struct ServiceId {
  std::uint32_t value = 0;
  auto operator<=>(const ServiceId&) const = default;
};

/// When an acknowledged write must be on disk.
enum class Durability : std::uint8_t {
  always,    // before it is acknowledged: survives a power cut
  everysec,  // handed to the kernel before it is acknowledged, on disk within a second
};

enum class Guarantee : std::uint8_t { strong, eventual };

constexpr std::uint64_t operator""_KiB(unsigned long long n) {
  return n << 10;
}
constexpr std::uint64_t operator""_MiB(unsigned long long n) {
  return n << 20;
}
constexpr std::uint64_t operator""_GiB(unsigned long long n) {
  return n << 30;
}

}  // namespace holdfast
