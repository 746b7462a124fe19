// SPDX-License-Identifier: Apache-2.0
#include "base/text_units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace holdfast {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array durations{Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"m", 60'000},
                               Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};
constexpr std::array sizes{Unit{"", 1},
                           Unit{"b", 1},
                           Unit{"k", 1'000},
                           Unit{"kb", 1_KiB},
                           Unit{"m", 1'000'000},
                           Unit{"mb", 1_MiB},
                           Unit{"g", 1'000'000'000},
                           Unit{"gb", 1_GiB},
                           Unit{"t", 1'000'000'000'000},
                           Unit{"tb", 1'024 * 1_GiB}};
constexpr std::uint64_t duration_ms_max = 100ULL * 366 * 86'400'000;

template <std::size_t n>
std::optional<std::uint64_t> parse(std::string_view text, const std::array<Unit, n>& units) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return std::nullopt;
  std::string name(rest, end);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (number > std::numeric_limits<std::uint64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Millis> parse_duration(std::string_view text) {
  const auto ms = parse(text, durations);
  if (!ms || *ms > duration_ms_max) return std::nullopt;
  return Millis(static_cast<std::int64_t>(*ms));
}

std::string format_duration(Millis duration) {
  const auto ms = static_cast<std::uint64_t>(duration.count());
  const Unit* best = &durations.front();
  for (const Unit& unit : durations) {
    if (ms != 0 && ms % unit.factor == 0) best = &unit;
  }
  return fmt::format("{}{}", ms / best->factor, best->name);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  return parse(text, sizes);
}

}  // namespace holdfast
