// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "value/value.h"

namespace holdfast::command {

/// In which of its encodings Redis 7.0 with its default limits would keep this content, made anew.
/// O(elements), for few of them.
std::string_view encoding_of(const Value& value);

}  // namespace holdfast::command
