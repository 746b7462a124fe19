// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::node {

/// EXPLAIN.
std::span<const Row> explain_rows();

}  // namespace holdfast::node
