// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lua.hpp>
#include <string_view>

#include "base/reply.h"

/// Replies as programs see them, as Redis has it ("Data type conversion", redis.io): integers are
/// numbers, strings strings, arrays tables, null false, a status or error a table with the field
/// `ok` or `err`; what RESP2 does not know is as RESP2 has it.
namespace holdfast::function {

/// Pushes the one reply that `canonical` holds; with `flat_pairs` an array of pairs as one flat
/// array, as RESP2 has it.
void push_reply(lua_State* L, std::string_view canonical, bool flat_pairs);

/// Writes the value on top of the stack, and takes it off: a number as an integer, its fraction cut
/// off; true as 1, false and nil as null; a table by its field ok, err, double, map or set, else as
/// an array up to its first nil. Raises a Lua error over limits::function_reply_bytes_max and
/// function_nesting_max, and leaves then what it had written.
void take_reply(lua_State* L, Reply& reply);

}  // namespace holdfast::function
