// SPDX-License-Identifier: Apache-2.0
#include "cli/decimal.h"

#include <fmt/format.h>

#include <limits>

namespace holdfast::cli {
namespace {

__extension__ using Wide = __int128;
constexpr Wide wide_max = ~(Wide{1} << 127);

tl::unexpected<Error> refuse(std::string_view text, const char* why) {
  return fail(Code::err, fmt::format("\"{}\" {}", text, why));
}

}  // namespace

Result<std::int64_t> scale_decimal(std::string_view text, std::int64_t factor) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  Wide digits = 0;
  Wide divisor = 1;
  bool any = false;
  bool point = false;
  for (const char c : rest) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') return refuse(text, "is no decimal number");
    any = true;
    if (digits > (wide_max - 9) / 10 || (point && divisor > wide_max / 10)) {
      return refuse(text, "has too many digits");
    }
    digits = digits * 10 + (c - '0');
    if (point) divisor *= 10;
  }
  if (!any) return refuse(text, "is no decimal number");
  if (factor == 0) return 0;
  const Wide magnitude = factor < 0 ? -static_cast<Wide>(factor) : static_cast<Wide>(factor);
  if (digits > wide_max / magnitude) return refuse(text, "is too large");
  const Wide product = digits * magnitude;
  if (product % divisor != 0) {
    return refuse(text, fmt::format("times {} is no whole number", factor).c_str());
  }
  const Wide value = (negative != (factor < 0) ? -1 : 1) * (product / divisor);
  if (value > std::numeric_limits<std::int64_t>::max() ||
      value < std::numeric_limits<std::int64_t>::min()) {
    return refuse(text, "is too large");
  }
  return static_cast<std::int64_t>(value);
}

}  // namespace holdfast::cli
