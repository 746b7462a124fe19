// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::server::http {

/// The headers that mean something here. `header_name` is the one list of their names.
enum class Header : std::uint8_t {
  accept_encoding,
  authorization,
  content_type,
  expect,
  host,
  idempotency_key,
  if_match,
  if_none_match,
  origin,
  sec_fetch_site,
  holdfast_fresh_within,
  holdfast_local,
  holdfast_token,
  upstash_encoding,
  upstash_sync_token,
};
inline constexpr std::size_t headers_known = 15;
std::string_view header_name(Header header);

/// A request taken apart. Views into its bytes, but for a body that came in chunks.
struct Request {
  std::string_view method;
  std::string_view path;   // as it was sent, "/" at least
  std::string_view query;  // behind the ?
  int minor_version = 1;
  std::string_view body;

  /// Nothing: it was not sent.
  std::optional<std::string_view> header(Header which) const {
    const std::string_view value = values[static_cast<std::size_t>(which)];
    return value.data() == nullptr ? std::nullopt : std::optional(value);
  }
  /// A header of those known that stands twice, where the two could be read apart; empty: none.
  std::string_view twice;

  std::array<std::string_view, headers_known> values{};
  std::string unchunked;
};

/// Of a request that Reader has let through, or of its head alone. `bytes` begin with the request
/// line.
void take_apart(std::string_view bytes, Request& out);

/// What %XX stand for; nothing: one is none, or stands for nothing.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space = false);

/// The request id of an Idempotency-Key: a structured field's string (RFC 8941) or, as most callers
/// send it, bare. kErr: it is no request id.
Result<std::string> request_id_of(std::string_view idempotency_key);

/// "Bearer TOKEN": the token.
std::optional<std::string_view> bearer_token(std::string_view authorization);

}  // namespace holdfast::server::http
