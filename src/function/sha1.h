// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace holdfast::function {

/// SHA-1 in lower case hexadecimal digits: what Redis names scripts by. A name, no protection.
std::string sha1_hex(std::string_view text);

}  // namespace holdfast::function
