// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::node {

/// SCRIPT LOAD, EXISTS, FLUSH, KILL, HELP: of the texts that this node remembers for EVALSHA.
std::span<const Row> script_rows();

}  // namespace holdfast::node
