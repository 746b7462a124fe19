// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::workflow {

/// JSON as RFC 8259 has it. Objects are walked in the order of their keys' bytes: the same on every
/// node.
using Json = nlohmann::json;

/// kErr: it is no JSON, is nested more than limits::workflow_nesting_max deep, or an object in it
/// says one name twice.
Result<Json> parse_json(std::string_view text);

/// Without spaces; broken UTF-8 is replaced.
std::string write_json(const Json& json);

}  // namespace holdfast::workflow
