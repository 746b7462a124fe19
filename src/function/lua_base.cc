// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "base/limits.h"
#include "function/lua_library.h"
#include "function/running.h"

namespace holdfast::function {
namespace {

void open(lua_State* L, lua_CFunction library, const char* name) {
  lua_pushcfunction(L, library);
  lua_pushstring(L, name);
  lua_call(L, 1, 0);
}

// Source only: Lua 5.1 does not check bytecode, which could do anything.
int load_string(lua_State* L) {
  const std::string_view source = check_string(L, 1);
  const char* const name = luaL_optstring(L, 2, "=loadstring");
  Running::of_stage().charge(L, source.size());
  if (source.starts_with(LUA_SIGNATURE[0])) {
    lua_pushnil(L);
    lua_pushliteral(L, "bytecode is not loaded");
    return 2;
  }
  if (luaL_loadbuffer(L, source.data(), source.size(), name) == 0) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

// What catching an error costs, in units: it is a C++ exception.
constexpr std::uint64_t catch_units = 500;

// Lua's own, with the catch charged, and of no use against limits.
int finish_pcall(lua_State* L, int failed) {
  if (failed != 0) {
    Running& running = Running::of_stage();
    if (running.passed() != Passed::nothing) running.pass(L, running.passed());
    running.charge(L, catch_units);
  }
  lua_pushboolean(L, failed == 0 ? 1 : 0);
  lua_insert(L, 1);
  return lua_gettop(L);
}

int protected_call(lua_State* L) {
  luaL_checkany(L, 1);
  return finish_pcall(L, lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0));
}

int protected_call_handled(lua_State* L) {
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  lua_insert(L, 1);  // the handler below the function
  const int failed = lua_pcall(L, 0, LUA_MULTRET, 1);
  lua_remove(L, 1);
  return finish_pcall(L, failed);
}

// Lua's own, seeded by the call: the same on every node.
int random(lua_State* L) {
  constexpr double steps = 9007199254740992.0;  // 2^53: every one a double
  const double r =
      static_cast<double>(Running::of_stage().random().next() >> 11U) / steps;  // [0, 1)
  if (lua_gettop(L) == 0) {
    lua_pushnumber(L, r);
    return 1;
  }
  const bool both = lua_gettop(L) >= 2;
  const lua_Number least = both ? luaL_checknumber(L, 1) : 1;
  const lua_Number most = luaL_checknumber(L, both ? 2 : 1);
  luaL_argcheck(L, least <= most, both ? 2 : 1, "interval is empty");
  lua_pushnumber(L, std::floor(r * (most - least + 1)) + least);
  return 1;
}

int seed_random(lua_State* L) {
  const lua_Number seed = luaL_checknumber(L, 1);
  Running::of_stage().random() =
      command::Random(std::bit_cast<std::uint64_t>(static_cast<double>(seed)));
  return 0;
}

void remove(lua_State* L, int table, std::span<const char* const> names) {
  for (const char* const name : names) {
    lua_pushnil(L);
    lua_setfield(L, table, name);
  }
}

}  // namespace

std::string_view check_string(lua_State* L, int index) {
  std::size_t size = 0;
  const char* const text = luaL_checklstring(L, index, &size);
  return {text, size};
}

void push_string(lua_State* L, std::string_view text) {
  lua_pushlstring(L, text.data(), text.size());
}

void set_functions(lua_State* L, const luaL_Reg* functions) {
  for (; functions->name != nullptr; ++functions) {
    lua_pushcfunction(L, functions->func);
    lua_setfield(L, -2, functions->name);
  }
}

void open_base(lua_State* L) {
  open(L, luaopen_base, "");
  // What reads files or prints, shows the collector, makes objects that outlive their state, or
  // loads bytecode.
  static constexpr std::array gone = {"dofile",   "loadfile",       "print", "load",
                                      "newproxy", "collectgarbage", "gcinfo"};
  remove(L, LUA_GLOBALSINDEX, gone);
  static constexpr luaL_Reg ours[] = {{"loadstring", load_string},
                                      {"pcall", protected_call},
                                      {"xpcall", protected_call_handled},
                                      {nullptr, nullptr}};
  lua_pushvalue(L, LUA_GLOBALSINDEX);
  set_functions(L, ours);
  lua_pop(L, 1);
}

void open_math(lua_State* L) {
  open(L, luaopen_math, LUA_MATHLIBNAME);
  lua_getglobal(L, LUA_MATHLIBNAME);
  static constexpr luaL_Reg ours[] = {
      {"random", random}, {"randomseed", seed_random}, {nullptr, nullptr}};
  set_functions(L, ours);
  lua_pop(L, 1);
}

}  // namespace holdfast::function
