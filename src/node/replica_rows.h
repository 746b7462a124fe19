// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::node {

/// WAIT, ROLE, CLUSTER …: what clients ask about replicas and clusters.
std::span<const Row> replica_rows();

}  // namespace holdfast::node
