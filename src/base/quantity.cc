// SPDX-License-Identifier: Apache-2.0
#include "base/quantity.h"

#include <charconv>
#include <limits>
#include <span>

namespace holdfast {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// Longest first: what is written is the first that divides.
constexpr Unit durations[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
constexpr Unit sizes[] = {{"tb", std::int64_t{1} << 40},
                          {"gb", std::int64_t{1} << 30},
                          {"mb", std::int64_t{1} << 20},
                          {"kb", std::int64_t{1} << 10},
                          {"b", 1},
                          {"", 1}};
constexpr std::int64_t duration_ms_max = 100'000LL * 86'400'000;

bool same_nocase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

std::optional<std::int64_t> parse(std::string_view text, std::span<const Unit> units,
                                  std::int64_t largest) {
  if (text.empty() || text[0] == '-') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (!same_nocase(name, unit.name)) continue;
    if (number > largest / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

std::string text_of(std::int64_t quantity, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (quantity % unit.factor == 0)
      return std::to_string(quantity / unit.factor) + std::string(unit.name);
  }
  return std::to_string(quantity);
}

}  // namespace

std::optional<Millis> parse_duration(std::string_view text) {
  const auto ms = parse(text, durations, duration_ms_max);
  if (!ms) return std::nullopt;
  return Millis(*ms);
}

std::string duration_text(Millis duration) {
  if (duration.count() == 0) return "0s";
  return text_of(duration.count(), durations);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto bytes = parse(text, sizes, std::numeric_limits<std::int64_t>::max());
  if (!bytes) return std::nullopt;
  return static_cast<std::uint64_t>(*bytes);
}

std::string size_text(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  const std::span<const Unit> named(sizes, std::size(sizes) - 2);
  return text_of(static_cast<std::int64_t>(bytes), named);
}

}  // namespace holdfast
