// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::node {

/// ACL: services in its words.
std::span<const Row> acl_rows();

}  // namespace holdfast::node
