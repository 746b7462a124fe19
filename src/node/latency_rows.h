// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::node {

/// LATENCY.
std::span<const Row> latency_rows();

}  // namespace holdfast::node
