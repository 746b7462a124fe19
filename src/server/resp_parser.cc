// SPDX-License-Identifier: Apache-2.0
#include "server/resp_parser.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "base/limits.h"
#include "server/inline_command.h"

namespace holdfast::server {
namespace {

constexpr std::size_t args_kept_max = 1'024;  // room kept for the next request
constexpr std::size_t unquoted_kept_max = 1'024;

constexpr char tls_handshake = 22;  // the first byte of every TLS client (RFC 8446, 5.1)

enum class Number : std::uint8_t { ok, partial, bad };

/// Reads a length and its CRLF, strictly as Redis: no plus, no leading zero. A
/// line that cannot be one is bad as soon as that is seen, so none grows long.
Number read_number(const char*& p, const char* end, std::int64_t& value) {
  // Most lengths have one or two digits.
  if (end - p >= 3 && p[0] >= '0' && p[0] <= '9' && p[1] == '\r' && p[2] == '\n') {
    value = p[0] - '0';
    p += 3;
    return Number::ok;
  }
  const char* at = p;
  const bool negative = at != end && *at == '-';
  if (negative) ++at;
  const char* const digits = at;
  std::uint64_t number = 0;
  constexpr int digits_max = 19;  // of 2^63
  while (at != end && *at >= '0' && *at <= '9') {
    if (at - digits == digits_max) return Number::bad;
    number = number * 10 + static_cast<std::uint64_t>(*at++ - '0');
  }
  const auto count = at - digits;
  if (count > 0 && digits[0] == '0' && (count > 1 || negative)) return Number::bad;
  if (at == end) return Number::partial;
  if (count == 0 || *at != '\r') return Number::bad;
  if (number > std::uint64_t{std::numeric_limits<std::int64_t>::max()} + (negative ? 1 : 0)) {
    return Number::bad;
  }
  if (at + 1 == end) return Number::partial;
  if (at[1] != '\n') return Number::bad;
  value = static_cast<std::int64_t>(negative ? 0 - number : number);
  p = at + 2;
  return Number::ok;
}

}  // namespace

RespParser::Status RespParser::parse(std::string_view input) {
  if (input.size() < needed_ || input.empty()) return Status::partial;
  if (left_ == 0 && input[0] != '*') return parse_inline(input);
  return parse_array(input);
}

RespParser::Status RespParser::parse_array(std::string_view input) {
  rebase(input.data());
  const char* const end = input.data() + input.size();
  const char* p = input.data() + at_;
  const auto position = [&] { return static_cast<std::size_t>(p - input.data()); };
  std::int64_t number = 0;

  if (left_ == 0) {
    ++p;
    const Number read = read_number(p, end, number);
    if (read == Number::partial) return partial(input.size() + 1);
    if (read == Number::bad || number > static_cast<std::int64_t>(limits::arguments_max)) {
      return bad("invalid multibulk length");
    }
    at_ = position();
    if (number <= 0) return Status::nothing;
    if (!signed_in_ && number > static_cast<std::int64_t>(limits::unauthenticated_arguments_max)) {
      return bad("unauthenticated multibulk length");
    }
    left_ = static_cast<std::size_t>(number);
  }

  do {
    if (p == end) return partial(input.size() + 1);
    if (*p != '$') return bad(std::string("expected '$', got '") + *p + "'");
    ++p;
    const Number read = read_number(p, end, number);
    if (read == Number::partial) return partial(input.size() + 1);
    if (read == Number::bad || number < 0 ||
        number > static_cast<std::int64_t>(limits::bulk_bytes_max)) {
      return bad("invalid bulk length");
    }
    if (!signed_in_ && number > static_cast<std::int64_t>(limits::unauthenticated_bulk_bytes_max)) {
      return bad("unauthenticated bulk length");
    }
    const auto bytes = static_cast<std::size_t>(number);
    const std::size_t after = position() + bytes + 2;
    if (after > limits::request_bytes_max) return bad("too big request");
    if (after > input.size()) return partial(after);
    if (p[bytes] != '\r' || p[bytes + 1] != '\n') return bad("expected CRLF after an argument");
    args_.emplace_back(p, bytes);
    p += bytes + 2;
    at_ = after;
  } while (--left_ > 0);
  return Status::request;
}

RespParser::Status RespParser::parse_inline(std::string_view input) {
  // No command begins so; and its line might never end.
  if (input[0] == tls_handshake) return bad("TLS was sent to a port that speaks none");
  // needed_ is one past what was searched before.
  const std::size_t searched = needed_ == 0 ? 0 : needed_ - 1;
  const std::size_t newline = input.find('\n', searched);
  const std::size_t length = newline == std::string_view::npos ? input.size() : newline;
  if (length > limits::inline_command_bytes_max) return bad("too big inline request");
  if (newline == std::string_view::npos) return partial(input.size() + 1);
  at_ = newline + 1;
  std::string_view line = input.substr(0, newline);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!split_inline(line, args_, unquoted_)) return bad("unbalanced quotes in request");
  if (args_.empty()) return Status::nothing;
  const auto longest =
      std::ranges::max_element(args_, {}, [](std::string_view arg) { return arg.size(); });
  if (!signed_in_ && args_.size() > limits::unauthenticated_arguments_max) {
    return bad("unauthenticated multibulk length");
  }
  if (!signed_in_ && longest->size() > limits::unauthenticated_bulk_bytes_max) {
    return bad("unauthenticated bulk length");
  }
  return Status::request;
}

void RespParser::next() {
  args_.clear();
  if (args_.capacity() > args_kept_max) std::vector<std::string_view>().swap(args_);
  if (unquoted_.capacity() > unquoted_kept_max) std::string().swap(unquoted_);
  at_ = 0;
  left_ = 0;
  needed_ = 0;
}

RespParser::Status RespParser::bad(std::string_view why) {
  error_ = why;
  return Status::bad;
}

void RespParser::rebase(const char* base) {
  if (base != base_) {
    for (std::string_view& arg : args_) arg = {base + (arg.data() - base_), arg.size()};
    base_ = base;
  }
}

}  // namespace holdfast::server
