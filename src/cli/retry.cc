// SPDX-License-Identifier: Apache-2.0
#include "cli/retry.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::cli {

bool may_pass(std::string_view error_code) {
  // LOADING is what Redis says while it starts.
  for (const Code code : {Code::unavailable, Code::busy, Code::unknown}) {
    if (error_code == row_of(code).resp) return true;
  }
  return error_code == "LOADING";
}

std::chrono::milliseconds Backoff::next() {
  constexpr std::int64_t first_ms = 10;
  constexpr std::int64_t longest_ms = 1000;
  const std::int64_t whole = std::min(first_ms << std::min(tries_++, 10), longest_ms);
  random_ ^= random_ << 13;  // Marsaglia's xorshift: any spread will do
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  const auto part = static_cast<std::int64_t>(random_ % static_cast<std::uint64_t>(whole / 2 + 1));
  return std::chrono::milliseconds(whole / 2 + part);
}

}  // namespace holdfast::cli
