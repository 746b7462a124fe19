// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace holdfast {

/// As CMakeLists.txt's project() has it.
inline constexpr std::string_view product_version = HOLDFAST_VERSION;
/// The Redis whose meaning and replies our Redis commands keep.
inline constexpr std::string_view redis_version = "7.0.15";

}  // namespace holdfast
