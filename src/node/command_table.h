// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "command/table.h"

namespace holdfast::node {

/// Every command of the product, from the families of all folders.
std::unique_ptr<CommandTable> make_command_table();

}  // namespace holdfast::node
