// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::node {

/// SAVE, SHUTDOWN, MEMORY STATS …: about the process and its disk.
std::span<const Row> process_rows();

}  // namespace holdfast::node
