// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace holdfast::node {

class Node;

/// Gives the node's settings their names for CONFIG GET and CONFIG SET.
void register_settings(Node& node);

}  // namespace holdfast::node
