// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/reply.h"
#include "command/row.h"

namespace holdfast::command {

/// What LMPOP, ZMPOP and those of them that wait are asked for.
struct MultiPop {
  Args keys;
  bool at_second = false;  // the end that the second word names
  std::size_t n = 1;
};

/// From args[at] on: numkeys key … <first | second> [COUNT count]. Nothing: Redis' error is
/// written.
std::optional<MultiPop> multi_pop(Args args, std::size_t at, std::string_view first,
                                  std::string_view second, Reply& reply);

}  // namespace holdfast::command
