// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "value/value.h"

namespace holdfast::command {

/// A value for DUMP: docs/formats/dump.md. O(elements).
std::string dump_of(const Value& value);
/// What such a payload holds; kErr with Redis' words where it is none. Safe on any bytes.
Result<Value> value_of_dump(std::string_view payload);

}  // namespace holdfast::command
