// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/reply.h"

namespace holdfast::command {

/// Where a bit lies in a string: the highest of the first byte is 0. With a `unit` other than 0,
/// "#n" is n units. Nothing, and Redis' error written, where no string reaches.
std::optional<std::size_t> bit_offset(std::string_view text, std::size_t unit, Reply& reply);

}  // namespace holdfast::command
