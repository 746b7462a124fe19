// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "function/lua_library.h"
#include "function/running.h"

namespace holdfast::function {
namespace {

int concat(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const std::string_view separator =
      lua_isnoneornil(L, 2) ? std::string_view() : check_string(L, 2);
  const lua_Integer first = luaL_optinteger(L, 3, 1);
  const lua_Integer last =
      lua_isnoneornil(L, 4) ? static_cast<lua_Integer>(lua_objlen(L, 1)) : luaL_checkinteger(L, 4);
  Running& running = Running::of_stage();
  std::string joined;
  for (lua_Integer i = first; i <= last; ++i) {
    lua_rawgeti(L, 1, static_cast<int>(i));
    if (lua_isstring(L, -1) == 0) {
      return luaL_error(L, "invalid value (%s) at index %d in table for 'concat'",
                        luaL_typename(L, -1), static_cast<int>(i));
    }
    const std::string_view item = check_string(L, -1);
    running.charge_bytes(L, item.size() + separator.size());
    running.check_size(L, joined.size() + item.size() + separator.size());
    joined.append(item);
    if (i < last) joined.append(separator);
    lua_pop(L, 1);
    if (i == last) break;  // where the next number would be none
  }
  push_string(L, joined);
  return 1;
}

int insert(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const auto next = static_cast<lua_Integer>(lua_objlen(L, 1)) + 1;
  lua_Integer place = next;
  if (lua_gettop(L) == 3) {
    place = luaL_checkinteger(L, 2);
    luaL_argcheck(L, place >= 1 && place <= next, 2, "position out of bounds");
    Running::of_stage().charge(L, static_cast<std::uint64_t>(next - place));
    for (lua_Integer i = next; i > place; --i) {
      lua_rawgeti(L, 1, static_cast<int>(i - 1));
      lua_rawseti(L, 1, static_cast<int>(i));
    }
  } else if (lua_gettop(L) != 2) {
    return luaL_error(L, "wrong number of arguments to 'insert'");
  }
  lua_rawseti(L, 1, static_cast<int>(place));
  return 0;
}

int remove(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const auto size = static_cast<lua_Integer>(lua_objlen(L, 1));
  lua_Integer place = luaL_optinteger(L, 2, size);
  if (place < 1 || place > size) return 0;
  Running::of_stage().charge(L, static_cast<std::uint64_t>(size - place));
  lua_rawgeti(L, 1, static_cast<int>(place));
  for (; place < size; ++place) {
    lua_rawgeti(L, 1, static_cast<int>(place + 1));
    lua_rawseti(L, 1, static_cast<int>(place));
  }
  lua_pushnil(L);
  lua_rawseti(L, 1, static_cast<int>(size));
  return 1;
}

int maxn(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Number greatest = 0;
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
    Running::of_stage().charge(L, 1);
    if (lua_type(L, -2) == LUA_TNUMBER) greatest = std::max(greatest, lua_tonumber(L, -2));
  }
  lua_pushnumber(L, greatest);
  return 1;
}

int getn(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushinteger(L, static_cast<lua_Integer>(lua_objlen(L, 1)));
  return 1;
}

// Calls each key and value until one returns something.
int foreach (lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 2)) {
    Running::of_stage().charge(L, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -3);
    lua_pushvalue(L, -3);
    lua_call(L, 2, 1);
    if (!lua_isnil(L, -1)) return 1;
  }
  return 0;
}

/// Merge sort of a table's items, bottom up: n log n whatever the comparator says, which
/// Lua 5.1's own quicksort is not. Stable.
class Sort {
 public:
  // The table is the first value on the stack, the comparator, if any, the second.
  explicit Sort(lua_State* L) : L_(L), size_(static_cast<int>(lua_objlen(L, 1))) {
    compares_ = !lua_isnoneornil(L, 2);
    if (compares_) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    luaL_checkstack(L, 10, "sort");
  }

  void run() {
    lua_createtable(L_, size_, 0);  // room, the third
    int from = 1;
    int to = 3;
    for (int width = 1; width < size_; width *= 2) {
      for (int begin = 1; begin <= size_; begin += 2 * width)
        merge(from, to, begin, std::min(begin + width, size_ + 1),
              std::min(begin + 2 * width, size_ + 1));
      std::swap(from, to);
      if (width > size_ / 2) break;
    }
    if (from == 1) return;
    for (int i = 1; i <= size_; ++i) {
      lua_rawgeti(L_, from, i);
      lua_rawseti(L_, 1, i);
    }
  }

 private:
  void merge(int from, int to, int begin, int middle, int end) {
    int left = begin;
    int right = middle;
    for (int i = begin; i < end; ++i) {
      const bool take_right = left == middle || (right < end && is_less(from, right, left));
      lua_rawgeti(L_, from, take_right ? right++ : left++);
      lua_rawseti(L_, to, i);
    }
  }

  bool is_less(int table, int a, int b) {
    if (compares_) lua_pushvalue(L_, 2);
    lua_rawgeti(L_, table, a);
    lua_rawgeti(L_, table, b);
    std::size_t bytes = 0;
    if (!compares_ && lua_type(L_, -1) == LUA_TSTRING) bytes = lua_objlen(L_, -1);
    Running::of_stage().charge_bytes(L_, bytes);
    bool less = false;
    if (compares_) {
      lua_call(L_, 2, 1);
      less = lua_toboolean(L_, -1) != 0;
      lua_pop(L_, 1);
    } else {
      less = lua_lessthan(L_, -2, -1) != 0;
      lua_pop(L_, 2);
    }
    return less;
  }

  lua_State* L_;
  int size_;
  bool compares_;
};

int sort(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  Sort(L).run();
  return 0;
}

}  // namespace

void open_table(lua_State* L) {
  static constexpr luaL_Reg ours[] = {{"concat", concat}, {"insert", insert}, {"remove", remove},
                                      {"maxn", maxn},     {"getn", getn},     {"foreach", foreach},
                                      {"sort", sort},     {nullptr, nullptr}};
  lua_newtable(L);
  set_functions(L, ours);
  lua_setglobal(L, LUA_TABLIBNAME);
}

}  // namespace holdfast::function
