// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::node {

class Node;

/// INFO's text, in Redis' form: the sections named (in any case), or all for
/// none, "default", "all" and "everything".
std::string info_text(Node& node, const std::vector<std::string_view>& sections);

}  // namespace holdfast::node
