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

/// The same of LMPOP and ZMPOP, or of those that wait, where a time-out comes first; and the first
/// of the keys that is there (first_of_type). Nothing: the error, or that there is none, is
/// written.
std::optional<std::string_view> key_to_pop_many(Table& table, Instant now, Args args, bool waits,
                                                Attempt attempt, Type type, std::string_view first,
                                                std::string_view second, MultiPop& pop,
                                                Reply& reply);

}  // namespace holdfast::command
