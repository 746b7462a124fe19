// SPDX-License-Identifier: Apache-2.0
#include "node/token.h"

#include <absl/strings/escaping.h>

#include "base/checksum.h"
#include "base/wire.h"

namespace holdfast::node {
namespace {

constexpr std::uint8_t version = 1;

}  // namespace

std::string Token::encode() const {
  std::string bytes;
  wire::put_u8(bytes, version);
  wire::put_varint(bytes, strong.value);
  eventual.encode(bytes);
  wire::put_u32(bytes, static_cast<std::uint32_t>(checksum(bytes)));
  return absl::WebSafeBase64Escape(bytes);
}

std::optional<Token> Token::decode(std::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape({text.data(), text.size()}, &bytes) || bytes.size() < 4) {
    return std::nullopt;
  }
  const std::string_view body = std::string_view(bytes).substr(0, bytes.size() - 4);
  wire::Reader tail(std::string_view(bytes).substr(body.size()));
  if (tail.u32() != static_cast<std::uint32_t>(checksum(body))) return std::nullopt;
  wire::Reader in(body);
  if (in.u8() != version) return std::nullopt;
  Token token;
  token.strong.value = in.varint();
  token.eventual = eventual::VersionVector::decode(in);
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return token;
}

}  // namespace holdfast::node
