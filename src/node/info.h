// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace holdfast::node {

class Node;

/// INFO's text, in Redis' form: the sections named (in any case), or all for
/// none, "default", "all" and "everything". Of keyspaces those that the caller may use.
std::string info_text(Node& node, ServiceId caller, const std::vector<std::string_view>& sections);

}  // namespace holdfast::node
