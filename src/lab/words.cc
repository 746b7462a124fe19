// SPDX-License-Identifier: Apache-2.0
#include "lab/words.h"

#include <fmt/format.h>

namespace holdfast::lab {

std::string with_thousands(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string count_of(std::uint64_t number, std::string_view what) {
  return fmt::format("{} {}{}", with_thousands(number), what, number == 1 ? "" : "s");
}

std::string time_of(std::chrono::microseconds time) {
  constexpr double us_per_ms = 1'000, ms_per_s = 1'000, ms_shown_most = 2'000;
  const double ms = static_cast<double>(time.count()) / us_per_ms;
  if (ms < ms_shown_most) return fmt::format("{:.0f} ms", ms);
  return fmt::format("{:.1f} s", ms / ms_per_s);
}

std::string listed(const std::vector<std::string>& words) {
  std::string all;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) all += i + 1 == words.size() ? " and " : ", ";
    all += words[i];
  }
  return all;
}

}  // namespace holdfast::lab
