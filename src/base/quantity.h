// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

namespace holdfast {

/// A duration as people write it: a whole number and `ms`, `s`, `m`, `h` or `d`
/// ("500ms", "72h"), in any case. Nothing for anything else, and for what is
/// longer than 100,000 days.
std::optional<Millis> parse_duration(std::string_view text);
/// Written with the largest unit that leaves a whole number: "3d", "90m"; "0s".
std::string duration_text(Millis duration);

/// A size in bytes: a whole number, alone or with `b`, `kb`, `mb`, `gb` or `tb`
/// (powers of 1024, as Redis' configuration has them), in any case. Nothing for
/// anything else, and for what does not fit in 63 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string size_text(std::uint64_t bytes);

}  // namespace holdfast
