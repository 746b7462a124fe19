// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

namespace holdfast {

/// "500ms", "10s", "30m", "72h", "7d": a whole number and its unit, in any
/// case. Nothing for any other text, or over 100 years.
std::optional<Millis> parse_duration(std::string_view text);
/// In the largest unit that says it exactly: "72h" is "3d".
std::string format_duration(Millis duration);

/// "1048576", "512mb", "2g": as Redis reads memory values; k, m, g and t are
/// powers of 1000, kb, mb, gb and tb of 1024. Nothing for any other text.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace holdfast
