// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

/// What is kept of a service's token: its SHA-256. A token is 256 random bits,
/// so a hash that is slow to make would protect nothing more.
struct TokenHash {
  static constexpr std::size_t size = 32;
  std::array<std::uint8_t, size> bytes{};
  /// Not in constant time: who knows which hashes come close knows nothing of a token that makes
  /// one.
  bool operator==(const TokenHash&) const = default;
};

using TokenBits = std::array<std::uint64_t, 4>;

/// "hf_" and 43 letters, digits, - and _: base64url without padding. The
/// beginning lets scanners find a token that was committed by mistake.
std::string make_token(const TokenBits& random);
TokenHash hash_of_token(std::string_view token);

/// As hexadecimal digits, for logs.
std::string to_text(const TokenHash& hash);
std::optional<TokenHash> token_hash_from(std::string_view text);

}  // namespace holdfast
