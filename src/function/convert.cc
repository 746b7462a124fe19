// SPDX-License-Identifier: Apache-2.0
#include "function/convert.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/limits.h"
#include "base/reply_tokens.h"
#include "function/lua_library.h"
#include "function/running.h"

namespace holdfast::function {
namespace {

void push_field(lua_State* L, const char* name, std::string_view text) {
  lua_createtable(L, 0, 1);
  push_string(L, text);
  lua_setfield(L, -2, name);
}

void push_value(lua_State* L, ReplyTokens& in) {
  luaL_checkstack(L, 4, "reply");
  const ReplyToken token = in.next();
  Running::of_stage().charge_bytes(L, token.bytes.size());
  switch (token.kind) {
    case '+':
      return push_field(L, "ok", token.text);
    case '-':
      return push_field(L, "err", token.text);
    case ':': {
      std::int64_t value = 0;
      std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
      return lua_pushnumber(L, static_cast<lua_Number>(value));
    }
    case '#':
      return lua_pushnumber(L, token.text == "t" ? 1 : 0);
    case '=':
      return push_string(L, token.text.substr(4));  // without "txt:"
    case '*':
    case '~':
    case '>':
    case '%':
      if (token.null) return lua_pushboolean(L, 0);
      lua_createtable(L, static_cast<int>(token.children), 0);
      for (std::size_t i = 1; i <= token.children; ++i) {
        push_value(L, in);
        lua_rawseti(L, -2, static_cast<int>(i));
      }
      return;
    case '_':
      return lua_pushboolean(L, 0);
    default:
      if (token.null) return lua_pushboolean(L, 0);
      return push_string(L, token.text);
  }
}

/// Walks a value and writes it.
class Writer {
 public:
  Writer(lua_State* L, Reply& reply) : L_(L), reply_(reply) {}

  // The value on top, which it takes off.
  void value(int depth) {
    if (depth > limits::function_nesting_max)
      luaL_error(L_, "the reply is nested more than %d deep", limits::function_nesting_max);
    luaL_checkstack(L_, 6, "reply");
    Running::of_stage().charge(L_, 1);
    switch (lua_type(L_, -1)) {
      case LUA_TSTRING: {
        const std::string_view text = check_string(L_, -1);
        room(text.size());
        reply_.bulk(text);
        break;
      }
      case LUA_TNUMBER:
        room(0);
        integer(lua_tonumber(L_, -1));
        break;
      case LUA_TBOOLEAN:
        room(0);
        lua_toboolean(L_, -1) != 0 ? reply_.integer(1) : reply_.null();
        break;
      case LUA_TTABLE:
        return table(depth);
      default:
        room(0);
        reply_.null();
    }
    lua_pop(L_, 1);
  }

 private:
  void integer(lua_Number number) {
    // Outside of 64 bits a conversion has no meaning of its own: the nearest there is.
    constexpr auto most = static_cast<lua_Number>(std::numeric_limits<std::int64_t>::max());
    if (std::isnan(number)) return reply_.integer(0);
    if (number >= most) return reply_.integer(std::numeric_limits<std::int64_t>::max());
    if (number <= -most) return reply_.integer(std::numeric_limits<std::int64_t>::min());
    reply_.integer(static_cast<std::int64_t>(number));
  }

  void room(std::size_t bytes) {
    Running::of_stage().charge_bytes(L_, bytes);
    if (reply_.written().size() + bytes > limits::function_reply_bytes_max)
      luaL_error(L_, "the reply is longer than %d bytes",
                 static_cast<int>(limits::function_reply_bytes_max));
  }

  // Pushes the field where the table has one of that type.
  bool field(const char* name, int type) {
    lua_pushstring(L_, name);
    lua_rawget(L_, -2);
    if (lua_type(L_, -1) == type) return true;
    lua_pop(L_, 1);
    return false;
  }

  void table(int depth) {
    room(0);
    if (field("err", LUA_TSTRING)) {
      const std::string_view text = check_string(L_, -1);
      room(text.size());
      reply_.raw_error(text.starts_with('-') ? text.substr(1) : text);
      return lua_pop(L_, 2);
    }
    if (field("ok", LUA_TSTRING)) {
      const std::string_view text = check_string(L_, -1);
      room(text.size());
      reply_.simple(text);
      return lua_pop(L_, 2);
    }
    if (field("double", LUA_TNUMBER)) {
      reply_.real(lua_tonumber(L_, -1));
      return lua_pop(L_, 2);
    }
    if (field("map", LUA_TTABLE)) return keys(true, depth);
    if (field("set", LUA_TTABLE)) return keys(false, depth);
    array(depth);
  }

  void array(int depth) {
    int size = 0;
    for (;; ++size) {
      Running::of_stage().charge(L_, 1);
      lua_rawgeti(L_, -1, size + 1);
      const bool end = lua_isnil(L_, -1);
      lua_pop(L_, 1);
      if (end) break;
    }
    reply_.array(static_cast<std::size_t>(size));
    for (int i = 1; i <= size; ++i) {
      lua_rawgeti(L_, -1, i);
      value(depth + 1);
    }
    lua_pop(L_, 1);
  }

  // A map's keys and values, or a set's keys, from the table on top, which lies in another.
  void keys(bool with_values, int depth) {
    std::size_t count = 0;
    for (lua_pushnil(L_); lua_next(L_, -2) != 0; lua_pop(L_, 1)) {
      Running::of_stage().charge(L_, 1);
      ++count;
    }
    with_values ? reply_.map(count) : reply_.set(count);
    lua_pushnil(L_);
    while (lua_next(L_, -2) != 0) {
      lua_pushvalue(L_, -2);
      value(depth + 1);
      if (with_values) {
        value(depth + 1);
      } else {
        lua_pop(L_, 1);
      }
    }
    lua_pop(L_, 2);
  }

  lua_State* L_;
  Reply& reply_;
};

}  // namespace

void push_reply(lua_State* L, std::string_view canonical, bool flat_pairs) {
  ReplyTokens in(canonical);
  if (!flat_pairs || !canonical.starts_with('*')) return push_value(L, in);
  const ReplyToken outer = in.next();
  if (outer.null) return lua_pushboolean(L, 0);
  luaL_checkstack(L, 4, "reply");
  lua_createtable(L, static_cast<int>(2 * outer.children), 0);
  int size = 0;
  for (std::size_t i = 0; i < outer.children; ++i) {
    const std::size_t at = in.position();
    std::size_t of_pair = 1;
    if (const ReplyToken element = in.next(); element.kind == '*' && !element.null) {
      of_pair = element.children;
    } else {
      in.move_to(at);
    }
    for (std::size_t j = 0; j < of_pair; ++j) {
      push_value(L, in);
      lua_rawseti(L, -2, ++size);
    }
  }
}

void take_reply(lua_State* L, Reply& reply) {
  Writer(L, reply).value(0);
}

}  // namespace holdfast::function
