// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/reply.h"
#include "base/units.h"
#include "command/row.h"

/// What the families share in reading arguments. A function that is given a
/// Reply and returns nothing has written Redis' error there.
namespace holdfast::command {

namespace errors {
inline constexpr std::string_view syntax = "ERR syntax error";
inline constexpr std::string_view not_an_integer = "ERR value is not an integer or out of range";
inline constexpr std::string_view out_of_range = "ERR value is out of range";
inline constexpr std::string_view not_a_float = "ERR value is not a valid float";
inline constexpr std::string_view overflow = "ERR increment or decrement would overflow";
inline constexpr std::string_view not_finite = "ERR increment would produce NaN or Infinity";
inline constexpr std::string_view wrong_type =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
}  // namespace errors

/// Whether `text` is `upper` in some case. ASCII.
bool equals_nocase(std::string_view text, std::string_view upper);

/// As Redis' messages name a command: "object|encoding".
std::string redis_name(std::string_view row_name);

/// "wrong number of arguments for …", of a command that counts for itself.
void wrong_arity(std::string_view redis_name, Reply& reply);

std::optional<std::int64_t> integer_argument(std::string_view text, Reply& reply);

/// A count that may not be negative.
std::optional<std::int64_t> positive_argument(std::string_view text, Reply& reply);

/// A count whose sign means something: its negation must fit.
std::optional<std::int64_t> signed_count_argument(std::string_view text, Reply& reply);

/// A decimal number in Redis' long double. Nothing for what is none, NaN included.
std::optional<long double> parse_real(std::string_view text);

/// The same in double, as scores are.
std::optional<double> parse_score(std::string_view text);

/// 17 digits after the point, trailing zeros gone; as INCRBYFLOAT writes it.
std::string real_text(long double value);

/// A time as an argument gives it.
struct ExpiryText {
  std::string_view text;
  bool seconds = false;   // else milliseconds
  bool absolute = false;  // else from now
};

/// A time to expire at, which must lie after 1970 or after now respectively
/// (SET, GETEX). `redis_name` is for the message.
std::optional<Instant> expiry_argument(const ExpiryText& expiry, Instant now,
                                       std::string_view redis_name, Reply& reply);

/// The same without that bound: EXPIRE takes times that have passed.
std::optional<Instant> any_expiry_argument(const ExpiryText& expiry, Instant now,
                                           std::string_view redis_name, Reply& reply);

/// How long to wait for something to take, in seconds; 0: for ever.
std::optional<Millis> timeout_argument(std::string_view text, Reply& reply);

/// COUNT and MATCH of the SCAN family from args[from] on.
struct ScanOptions {
  std::size_t count = 10;
  std::optional<std::string_view> match;  // nothing: everything
};
std::optional<ScanOptions> scan_options(Args args, std::size_t from, Reply& reply);
std::optional<std::uint64_t> cursor_argument(std::string_view text, Reply& reply);

}  // namespace holdfast::command
