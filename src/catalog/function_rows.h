// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast {

/// FUNCTION LOAD, DELETE, LIST, DUMP, RESTORE, FLUSH, STATS, KILL, HELP.
std::span<const Row> function_rows();

}  // namespace holdfast
