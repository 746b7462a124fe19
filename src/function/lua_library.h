// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <lua.hpp>
#include <string_view>

/// What programs find in their globals: Lua 5.1's base, string, table and math, without what
/// reaches outside or differs between nodes, and with our own in place of those that could take for
/// ever: see docs/functions.md. Each opens its part in a new state. Running must be on stage.
namespace holdfast::function {

void open_base(lua_State* L);
void open_string(lua_State* L);
void open_table(lua_State* L);
void open_math(lua_State* L);
void open_json(lua_State* L);   // cjson
void open_redis(lua_State* L);  // redis, and the same as holdfast

// -- What they share

/// Where in the registry the table of registered functions lies.
inline constexpr const char* registered = "holdfast.functions";
/// What a command costs, besides its arguments' and reply's bytes.
inline constexpr std::uint64_t command_units = 20;

/// The string argument, as it lies in the state.
std::string_view check_string(lua_State* L, int index);
/// Pushes it.
void push_string(lua_State* L, std::string_view text);
/// Sets the fields of the table on top.
void set_functions(lua_State* L, const luaL_Reg* functions);

}  // namespace holdfast::function
