// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "command/row.h"

namespace holdfast::server {

/// The row of one of CLIENT's subcommands that looks at the connections alone.
constexpr Row client_row(const char* name, int arity, SessionFunction function, const char* syntax,
                         const char* summary, std::uint32_t more_flags = 0) {
  return {.name = name,
          .arity = arity,
          .access = Access::session,
          .flags = flag_noscript | flag_loading | flag_immediate | flag_no_multi | more_flags,
          .session = function,
          .group = "connection",
          .since = "0.1",
          .syntax = syntax,
          .summary = summary,
          .complexity = "O(1)"};
}

}  // namespace holdfast::server
