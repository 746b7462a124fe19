// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace holdfast::command {

/// Whether the whole text matches the pattern: `*`, `?`, `[a-z]`, `[^a]`, `\`
/// before a literal, as Redis reads them. At most pattern times text steps,
/// whatever the pattern.
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace holdfast::command
