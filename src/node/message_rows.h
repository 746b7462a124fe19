// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::node {

/// PUBLISH and SPUBLISH.
std::span<const Row> message_rows();

}  // namespace holdfast::node
