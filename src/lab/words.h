// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::lab {

/// 1830 as "1,830".
std::string with_thousands(std::uint64_t number);
/// "1 like", "1,830 likes".
std::string count_of(std::uint64_t number, std::string_view what);
/// "41 ms", "2.5 s".
std::string time_of(std::chrono::microseconds time);
/// "a", "a and b", "a, b and c".
std::string listed(const std::vector<std::string>& words);

}  // namespace holdfast::lab
