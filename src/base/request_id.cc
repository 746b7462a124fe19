// SPDX-License-Identifier: Apache-2.0
#include "base/request_id.h"

#include <cstdint>

#include "base/limits.h"

namespace holdfast {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::size_t uuid_length = 36;
constexpr bool is_dash_place(std::size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

}  // namespace

bool is_request_id(std::string_view text) {
  if (text.empty() || text.size() > limits::request_id_bytes_max) return false;
  for (const char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

std::optional<Instant> time_of_uuid7(std::string_view text) {
  if (text.size() != uuid_length || text[14] != '7') return std::nullopt;
  std::int64_t ms = 0;
  for (std::size_t i = 0, digits = 0; i < uuid_length; ++i) {
    if (is_dash_place(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int digit = hex_digit(text[i]);
    if (digit < 0) return std::nullopt;
    if (digits++ < 12) ms = ms << 4 | digit;  // the first 48 bits are the time
  }
  if ((hex_digit(text[19]) & 0xC) != 0x8) return std::nullopt;  // the RFC's variant
  return instant_from_ms(ms);
}

std::optional<Error> refuse_by_time(std::string_view request_id, Instant now, Instant oldest) {
  const std::optional<Instant> made = time_of_uuid7(request_id);
  if (!made) return std::nullopt;
  if (*made < oldest) {
    return Error{Code::id_expired, "the request id is older than what is remembered"};
  }
  if (*made > now + Millis(limits::request_id_ahead_ms_max)) {
    return Error{Code::id_expired, "the request id's time is over an hour ahead"};
  }
  return std::nullopt;
}

std::string make_uuid7(Instant now, std::uint64_t random_high, std::uint64_t random_low) {
  const std::uint64_t high =
      static_cast<std::uint64_t>(to_ms(now)) << 16 | 0x7000 | (random_high & 0x0FFF);
  const std::uint64_t low = (random_low & 0x3FFF'FFFF'FFFF'FFFF) | 0x8000'0000'0000'0000;
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(uuid_length);
  for (int i = 0; i < 32; ++i) {
    if (is_dash_place(text.size())) text.push_back('-');
    const std::uint64_t half = i < 16 ? high : low;
    text.push_back(digits[half >> (60 - 4 * (i % 16)) & 0xF]);
  }
  return text;
}

}  // namespace holdfast
