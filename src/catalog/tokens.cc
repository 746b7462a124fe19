// SPDX-License-Identifier: Apache-2.0
#include "catalog/tokens.h"

#include <absl/strings/escaping.h>
#include <openssl/sha.h>

#include <cstring>

namespace holdfast {
namespace {

constexpr std::string_view token_begin = "hf_";

std::string_view view_of(const TokenHash& hash) {
  return {reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()};
}

}  // namespace

std::string make_token(const TokenBits& random) {
  char bytes[sizeof(random)];
  std::memcpy(bytes, random.data(), sizeof(bytes));
  std::string text;
  absl::WebSafeBase64Escape({bytes, sizeof(bytes)}, &text);
  return std::string(token_begin) + text;
}

TokenHash hash_of_token(std::string_view token) {
  TokenHash hash;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), hash.bytes.data());
  return hash;
}

std::string to_text(const TokenHash& hash) {
  const std::string_view bytes = view_of(hash);
  return absl::BytesToHexString({bytes.data(), bytes.size()});
}

std::optional<TokenHash> token_hash_from(std::string_view text) {
  TokenHash hash;
  if (text.size() != 2 * TokenHash::size) return std::nullopt;
  for (const char c : text) {
    if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return std::nullopt;
  }
  const std::string bytes = absl::HexStringToBytes({text.data(), text.size()});
  std::memcpy(hash.bytes.data(), bytes.data(), bytes.size());
  return hash;
}

}  // namespace holdfast
