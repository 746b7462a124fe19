// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "base/reply.h"

namespace holdfast::server {

/// One argument of a row's syntax line, at its top level: `key`, `[NX | XX]`,
/// or `[field value ...]`, which repeats what stands before it.
struct SyntaxArgument {
  std::string_view text;  // without the brackets and the dots
  bool optional = false;
  bool multiple = false;
};

std::vector<SyntaxArgument> split_syntax(std::string_view syntax);

/// As COMMAND DOCS has them. What a bracket holds is shown, not taken apart.
void write_arguments(const std::vector<SyntaxArgument>& arguments, Reply& reply);

}  // namespace holdfast::server
