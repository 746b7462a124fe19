// SPDX-License-Identifier: Apache-2.0
#include "command/parse.h"

#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "base/assert.h"

namespace holdfast::command {
namespace {

constexpr std::int64_t int64_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t int64_min = std::numeric_limits<std::int64_t>::min();

// The longest decimal of a long double and what Redis reads of one.
constexpr std::size_t real_bytes_max = 5 * 1024;

// Longer ones can only be leading zeros.
constexpr std::size_t cursor_bytes_max = 64;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

void invalid_expiry(std::string_view redis_name, Reply& reply) {
  reply.raw_error("ERR invalid expire time in '" + std::string(redis_name) + "' command");
}

}  // namespace

bool equals_nocase(std::string_view text, std::string_view upper) {
  if (text.size() != upper.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lower(upper[i])) return false;
  }
  return true;
}

std::string redis_name(std::string_view row_name) {
  std::string name(row_name);
  for (char& c : name) c = c == ' ' ? '|' : lower(c);
  return name;
}

void wrong_arity(std::string_view redis_name, Reply& reply) {
  reply.raw_error("ERR wrong number of arguments for '" + std::string(redis_name) + "' command");
}

std::optional<std::int64_t> integer_argument(std::string_view text, Reply& reply) {
  const auto number = parse_integer(text);
  if (!number) reply.raw_error(errors::not_an_integer);
  return number;
}

std::optional<std::int64_t> positive_argument(std::string_view text, Reply& reply) {
  const auto number = parse_integer(text);
  if (number && *number >= 0) return number;
  reply.raw_error("ERR value is out of range, must be positive");
  return std::nullopt;
}

std::optional<std::int64_t> signed_count_argument(std::string_view text, Reply& reply) {
  const auto number = integer_argument(text, reply);
  if (!number || *number >= -int64_max) return number;
  reply.raw_error(
      "ERR value is out of range, value must between -9223372036854775807 and "
      "9223372036854775807");
  return std::nullopt;
}

namespace {

// strtold, not from_chars: Redis takes what strtold takes, hexadecimal too.
template <typename Real>
std::optional<Real> read_real(std::string_view text, Real (*read)(const char*, char**)) {
  if (text.empty() || text.size() >= real_bytes_max) return std::nullopt;
  if (std::isspace(static_cast<unsigned char>(text.front())) != 0) return std::nullopt;
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  const Real value = read(terminated.c_str(), &end);
  if (end != terminated.c_str() + terminated.size()) return std::nullopt;
  if (errno == ERANGE && (std::isinf(value) || std::fpclassify(value) == FP_ZERO)) {
    return std::nullopt;
  }
  if (std::isnan(value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<long double> parse_real(std::string_view text) {
  return read_real<long double>(text, std::strtold);
}

// Most scores are whole: those need no copy and no strtod.
std::optional<double> parse_score(std::string_view text) {
  constexpr std::int64_t exact_max = std::int64_t{1} << std::numeric_limits<double>::digits;
  const auto number = parse_integer(text);
  if (number && *number >= -exact_max && *number <= exact_max) return static_cast<double>(*number);
  return read_real<double>(text, std::strtod);
}

std::string real_text(long double value) {
  char text[real_bytes_max];
  const int length = std::snprintf(text, sizeof(text), "%.17Lf", value);
  HF_ASSERT(length > 0 && static_cast<std::size_t>(length) < sizeof(text));
  std::string_view view(text, static_cast<std::size_t>(length));
  while (view.ends_with('0')) view.remove_suffix(1);
  if (view.ends_with('.')) view.remove_suffix(1);
  return view == "-0" ? "0" : std::string(view);
}

std::optional<Instant> any_expiry_argument(const ExpiryText& expiry, Instant now,
                                           std::string_view redis_name, Reply& reply) {
  const auto number = integer_argument(expiry.text, reply);
  if (!number) return std::nullopt;
  std::int64_t ms = *number;
  const std::int64_t base = expiry.absolute ? 0 : to_ms(now);
  const bool fits_unit = !expiry.seconds || (ms <= int64_max / 1000 && ms >= int64_min / 1000);
  if (fits_unit && expiry.seconds) ms *= 1000;
  if (!fits_unit || ms > int64_max - base) {
    invalid_expiry(redis_name, reply);
    return std::nullopt;
  }
  return instant_from_ms(ms + base);
}

std::optional<Instant> expiry_argument(const ExpiryText& expiry, Instant now,
                                       std::string_view redis_name, Reply& reply) {
  const auto number = integer_argument(expiry.text, reply);
  if (!number) return std::nullopt;
  if (*number <= 0) {
    invalid_expiry(redis_name, reply);
    return std::nullopt;
  }
  return any_expiry_argument(expiry, now, redis_name, reply);
}

std::optional<Millis> timeout_argument(std::string_view text, Reply& reply) {
  const auto refuse = [&](std::string_view why) {
    reply.raw_error(why);
    return std::nullopt;
  };
  const auto seconds = parse_real(text);
  if (!seconds) return refuse("ERR timeout is not a float or out of range");
  const long double ms = std::ceil(*seconds * 1000);
  // Redis adds it to its clock: the years until that ends are no matter.
  if (ms >= static_cast<long double>(int64_max)) return refuse("ERR timeout is out of range");
  if (ms < 0) return refuse("ERR timeout is negative");
  return Millis(static_cast<std::int64_t>(ms));
}

std::optional<ScanOptions> scan_options(Args args, std::size_t from, Reply& reply) {
  ScanOptions options;
  for (std::size_t i = from; i < args.size(); i += 2) {
    const bool last = i + 1 == args.size();
    if (!last && equals_nocase(args[i], "COUNT")) {
      const auto count = integer_argument(args[i + 1], reply);
      if (!count) return std::nullopt;
      if (*count < 1) {
        reply.raw_error(errors::syntax);
        return std::nullopt;
      }
      options.count = static_cast<std::size_t>(*count);
    } else if (!last && equals_nocase(args[i], "MATCH")) {
      options.match = args[i + 1];
    } else {
      reply.raw_error(errors::syntax);
      return std::nullopt;
    }
  }
  return options;
}

// As strtoul reads it: Redis takes a sign and an empty text too.
std::optional<std::uint64_t> cursor_argument(std::string_view text, Reply& reply) {
  const std::string terminated(text.substr(0, cursor_bytes_max + 1));
  const bool space = !text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0;
  char* end = nullptr;
  errno = 0;
  const std::uint64_t cursor = std::strtoull(terminated.c_str(), &end, 10);
  if (!space && text.size() <= cursor_bytes_max && errno == 0 &&
      end == terminated.c_str() + terminated.size())
    return cursor;
  reply.raw_error("ERR invalid cursor");
  return std::nullopt;
}

}  // namespace holdfast::command
