// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::node {

/// DEBUG, where --enable-debug-command allows it.
std::span<const Row> debug_rows();

}  // namespace holdfast::node
