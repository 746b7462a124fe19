// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "command/table.h"

namespace holdfast {

/// docs/commands.md: every command, from its row. Markdown, groups and names
/// in alphabetical order, so that the page changes only where a row did.
std::string command_reference(const CommandTable& commands);

}  // namespace holdfast
