// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "function/lua_library.h"
#include "function/pattern.h"
#include "function/running.h"

namespace holdfast::function {
namespace {

// A place as Lua programs give it: from 1, or from the end when negative; 0 where it lies before.
lua_Integer place_of(lua_Integer given, std::size_t size) {
  const lua_Integer place = given < 0 ? given + static_cast<lua_Integer>(size) + 1 : given;
  return std::max<lua_Integer>(place, 0);
}

void check(lua_State* L, const Pattern& pattern) {
  Running& running = Running::of_stage();
  if (running.work().spent()) running.pass(L, Passed::work);
  if (pattern.error() != nullptr) luaL_error(L, "%s", pattern.error());
}

std::optional<std::size_t> match_at(lua_State* L, Pattern& pattern, std::size_t begin) {
  Running::of_stage().charge(L, 1);
  const std::optional<std::size_t> end = pattern.match_at(begin);
  check(L, pattern);
  return end;
}

void push_capture(lua_State* L, Pattern& pattern, std::string_view subject, std::size_t index) {
  const std::optional<Pattern::Capture> capture = pattern.capture(index);
  check(L, pattern);
  if (capture->is_position) {
    lua_pushinteger(L, static_cast<lua_Integer>(capture->begin) + 1);
  } else {
    push_string(L, subject.substr(capture->begin, capture->size));
  }
}

// All captures, or where there are none the whole match; returns how many.
int push_captures(lua_State* L, Pattern& pattern, std::string_view subject, std::size_t begin,
                  std::size_t end) {
  if (pattern.captures() == 0) {
    push_string(L, subject.substr(begin, end - begin));
    return 1;
  }
  const std::size_t count = pattern.captures();
  luaL_checkstack(L, static_cast<int>(count), "too many captures");
  for (std::size_t i = 0; i < count; ++i) push_capture(L, pattern, subject, i);
  return static_cast<int>(count);
}

int find_or_match(lua_State* L, bool find) {
  const std::string_view subject = check_string(L, 1);
  const std::string_view whole = check_string(L, 2);
  const lua_Integer from =
      std::max<lua_Integer>(place_of(luaL_optinteger(L, 3, 1), subject.size()), 1) - 1;
  const std::size_t begin = std::min(static_cast<std::size_t>(from), subject.size());
  if (find &&
      (lua_toboolean(L, 4) != 0 || whole.find_first_of("^$*+?.([%-") == std::string_view::npos)) {
    const std::string_view rest = subject.substr(begin);
    Running::of_stage().charge_bytes(L, rest.size() + whole.size());
    // glibc's is linear in both sizes.
    const void* const found = memmem(rest.data(), rest.size(), whole.data(), whole.size());
    if (found == nullptr) {
      lua_pushnil(L);
      return 1;
    }
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - subject.data());
    lua_pushinteger(L, static_cast<lua_Integer>(at) + 1);
    lua_pushinteger(L, static_cast<lua_Integer>(at + whole.size()));
    return 2;
  }
  const bool anchored = whole.starts_with('^');
  Pattern pattern(subject, whole.substr(anchored ? 1 : 0), Running::of_stage().work());
  for (std::size_t at = begin; at <= subject.size(); ++at) {
    if (const auto end = match_at(L, pattern, at)) {
      if (!find) return push_captures(L, pattern, subject, at, *end);
      lua_pushinteger(L, static_cast<lua_Integer>(at) + 1);
      lua_pushinteger(L, static_cast<lua_Integer>(*end));
      return 2 + (pattern.captures() == 0 ? 0 : push_captures(L, pattern, subject, at, *end));
    }
    if (anchored) break;
  }
  lua_pushnil(L);
  return 1;
}

int find(lua_State* L) {
  return find_or_match(L, true);
}
int match(lua_State* L) {
  return find_or_match(L, false);
}

// Its values: the subject, the pattern, where to go on.
int next_match(lua_State* L) {
  const std::string_view subject = check_string(L, lua_upvalueindex(1));
  Pattern pattern(subject, check_string(L, lua_upvalueindex(2)), Running::of_stage().work());
  for (auto at = static_cast<std::size_t>(lua_tointeger(L, lua_upvalueindex(3)));
       at <= subject.size(); ++at) {
    const auto end = match_at(L, pattern, at);
    if (!end) continue;
    lua_pushinteger(L, static_cast<lua_Integer>(*end == at ? at + 1 : *end));
    lua_replace(L, lua_upvalueindex(3));
    return push_captures(L, pattern, subject, at, *end);
  }
  return 0;
}

int gmatch(lua_State* L) {
  check_string(L, 1);
  check_string(L, 2);
  lua_settop(L, 2);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_match, 3);
  return 1;
}

/// string.gsub's third argument at work.
class Replacement {
 public:
  Replacement(lua_State* L, std::string_view subject, Pattern& pattern)
      : L_(L), subject_(subject), pattern_(pattern), type_(lua_type(L, 3)) {
    luaL_argcheck(L,
                  type_ == LUA_TNUMBER || type_ == LUA_TSTRING || type_ == LUA_TFUNCTION ||
                      type_ == LUA_TTABLE,
                  3, "string/function/table expected");
  }

  void append(std::string& out, std::size_t begin, std::size_t end) {
    const std::string_view matched = subject_.substr(begin, end - begin);
    if (type_ == LUA_TFUNCTION) {
      lua_pushvalue(L_, 3);
      lua_call(L_, push_captures(L_, pattern_, subject_, begin, end), 1);
    } else if (type_ == LUA_TTABLE) {
      push_one(0, matched);
      lua_gettable(L_, 3);
    } else {
      return append_text(out, matched);
    }
    if (lua_toboolean(L_, -1) == 0) {
      out.append(matched);
    } else if (lua_isstring(L_, -1) == 0) {
      luaL_error(L_, "invalid replacement value (a %s)", luaL_typename(L_, -1));
    } else {
      out.append(check_string(L_, -1));
    }
    lua_pop(L_, 1);
  }

 private:
  void push_one(std::size_t index, std::string_view matched) {
    if (index == 0 && pattern_.captures() == 0) {
      push_string(L_, matched);
    } else {
      push_capture(L_, pattern_, subject_, index);
    }
  }

  // %0 is the match, %1 to %9 its captures, % before anything else that itself.
  void append_text(std::string& out, std::string_view matched) {
    const std::string_view text = check_string(L_, 3);
    Running::of_stage().charge_bytes(L_, text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '%' || ++i == text.size()) {
        if (i < text.size()) out.push_back(text[i]);
      } else if (text[i] == '0') {
        out.append(matched);
      } else if (text[i] >= '1' && text[i] <= '9') {
        push_one(static_cast<std::size_t>(text[i] - '1'), matched);
        out.append(check_string(L_, -1));
        lua_pop(L_, 1);
      } else {
        out.push_back(text[i]);
      }
    }
  }

  lua_State* L_;
  std::string_view subject_;
  Pattern& pattern_;
  int type_;
};

int gsub(lua_State* L) {
  const std::string_view subject = check_string(L, 1);
  const std::string_view whole = check_string(L, 2);
  const bool anchored = whole.starts_with('^');
  const lua_Integer most = luaL_optinteger(L, 4, static_cast<lua_Integer>(subject.size()) + 1);
  Running& running = Running::of_stage();
  Pattern pattern(subject, whole.substr(anchored ? 1 : 0), running.work());
  Replacement replacement(L, subject, pattern);
  std::string out;
  std::size_t at = 0;
  lua_Integer count = 0;
  while (count < most) {
    const auto end = match_at(L, pattern, at);
    if (end) {
      ++count;
      const std::size_t before = out.size();
      replacement.append(out, at, *end);
      running.charge_bytes(L, out.size() - before);
      running.check_size(L, out.size());
    }
    if (end && *end > at) {
      at = *end;
    } else if (at < subject.size()) {
      out.push_back(subject[at++]);
    } else {
      break;
    }
    if (anchored) break;
  }
  if (at < subject.size()) out.append(subject.substr(at));
  push_string(L, out);
  lua_pushinteger(L, count);
  return 2;
}

int rep(lua_State* L) {
  const std::string_view text = check_string(L, 1);
  const lua_Integer count = luaL_checkinteger(L, 2);
  Running& running = Running::of_stage();
  std::string out;
  if (count > 0 && !text.empty()) {
    const auto times = static_cast<std::size_t>(count);
    running.check_size(L, times);  // before the product could wrap
    running.check_size(L, times * text.size());
    running.charge_bytes(L, times * text.size());
    out.reserve(times * text.size());
    for (std::size_t i = 0; i < times; ++i) out.append(text);
  }
  push_string(L, out);
  return 1;
}

// Lua's own function, its only value, once the bytes it will walk are paid for.
int charged(lua_State* L) {
  std::size_t bytes = 0;
  const int count = lua_gettop(L);
  for (int i = 1; i <= count; ++i) {
    if (lua_type(L, i) == LUA_TSTRING) bytes += lua_objlen(L, i);
  }
  Running::of_stage().charge_bytes(L, bytes);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, count, LUA_MULTRET);
  return lua_gettop(L);
}

}  // namespace

void open_string(lua_State* L) {
  lua_pushcfunction(L, luaopen_string);
  lua_pushliteral(L, LUA_STRLIBNAME);
  lua_call(L, 1, 0);
  lua_getglobal(L, LUA_STRLIBNAME);
  static constexpr luaL_Reg ours[] = {{"find", find}, {"match", match}, {"gmatch", gmatch},
                                      {"gsub", gsub}, {"rep", rep},     {nullptr, nullptr}};
  set_functions(L, ours);
  for (const char* const name : {"byte", "char", "format", "lower", "upper", "reverse", "sub"}) {
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, charged, 1);
    lua_setfield(L, -2, name);
  }
  for (const char* const name : {"dump", "gfind"}) {
    lua_pushnil(L);
    lua_setfield(L, -2, name);
  }
  lua_pop(L, 1);
}

}  // namespace holdfast::function
