// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "command/row.h"

namespace holdfast::node {

/// The row of a command about the node: no part of a transaction.
constexpr Row node_row(std::string_view name, int arity, NodeFunction function,
                       std::string_view syntax, std::string_view summary,
                       std::string_view complexity, std::uint32_t flags = flag_none,
                       std::string_view group = "server") {
  return {.name = name,
          .arity = arity,
          .access = Access::node,
          .flags = flags | flag_no_multi,
          .node = function,
          .group = group,
          .since = "0.1",
          .syntax = syntax,
          .summary = summary,
          .complexity = complexity};
}

/// HELP of a command that has subcommands: made of their rows.
void help_of_subcommands(Node& node, ServiceId caller, Args args, Reply& reply);

}  // namespace holdfast::node
