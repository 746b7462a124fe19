// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace holdfast {

/// 64-bit XXH3 of the bytes: the checksum of every record we write to disk or
/// wire. Finds damage, not malice. `seed` chains pieces or separates uses.
std::uint64_t checksum(std::string_view bytes, std::uint64_t seed = 0);

/// 128-bit XXH3, for names that must not collide by chance.
struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Hash128&) const = default;
  auto operator<=>(const Hash128&) const = default;
};
Hash128 hash128(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace holdfast
