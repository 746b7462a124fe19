// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::node {

/// The commands about all keyspaces or the node as a whole.
std::span<const Row> node_rows();

}  // namespace holdfast::node
