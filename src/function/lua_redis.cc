// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/limits.h"
#include "function/convert.h"
#include "function/library.h"
#include "function/lua_library.h"
#include "function/sha1.h"

namespace holdfast::function {
namespace {

// Runs the command whose name and arguments are the arguments; the reply is on top.
void run_command(lua_State* L) {
  Running& running = Running::of_stage();
  if (running.commands() == nullptr)
    luaL_error(L,
               "redis.call can only be called inside a function, not while the library is loaded");
  const int count = lua_gettop(L);
  if (count == 0) luaL_error(L, "Please specify at least one argument for this redis.call");
  std::vector<std::string> numbers;  // those given as numbers, as texts
  numbers.reserve(static_cast<std::size_t>(count));
  std::vector<std::string_view> args;
  args.reserve(static_cast<std::size_t>(count));
  std::size_t bytes = 0;
  for (int i = 1; i <= count; ++i) {
    if (lua_type(L, i) == LUA_TNUMBER) {
      char digits[64];
      const int size = std::snprintf(digits, sizeof digits, "%.17g", lua_tonumber(L, i));
      args.push_back(numbers.emplace_back(digits, static_cast<std::size_t>(size)));
    } else if (lua_type(L, i) == LUA_TSTRING) {
      args.push_back(check_string(L, i));
    } else {
      luaL_error(L, "Lua redis lib command arguments must be strings or integers");
    }
    bytes += args.back().size();
  }
  running.charge(L, command_units);
  running.charge_bytes(L, bytes);
  std::string out;
  Reply reply(out);
  const bool flat_pairs = running.commands()->call(args, reply);
  lua_settop(L, 0);
  push_reply(L, out, flat_pairs);
}

bool is_error(lua_State* L) {
  if (!lua_istable(L, -1)) return false;
  lua_pushliteral(L, "err");
  lua_rawget(L, -2);
  const bool error = lua_type(L, -1) == LUA_TSTRING;
  lua_pop(L, 1);
  return error;
}

int call(lua_State* L) {
  run_command(L);
  return is_error(L) ? lua_error(L) : 1;
}

int protected_call(lua_State* L) {
  run_command(L);
  return 1;
}

// One line: a reply's status and error are.
int reply_of(lua_State* L, const char* field) {
  std::string text(check_string(L, 1));
  std::ranges::replace_if(
      text, [](char c) { return c == '\r' || c == '\n'; }, ' ');
  lua_createtable(L, 0, 1);
  push_string(L, text);
  lua_setfield(L, -2, field);
  return 1;
}
int error_reply(lua_State* L) {
  return reply_of(L, "err");
}
int status_reply(lua_State* L) {
  return reply_of(L, "ok");
}

int sha1hex(lua_State* L) {
  luaL_argcheck(L, lua_gettop(L) == 1, 1, "wrong number of arguments");
  const std::string_view text = check_string(L, 1);
  Running::of_stage().charge(L, text.size());
  push_string(L, sha1_hex(text));
  return 1;
}

int nothing(lua_State*) {
  return 0;
}

int set_resp(lua_State* L) {
  if (luaL_checkinteger(L, 1) == 2) return 0;
  return luaL_error(L, "functions see replies as RESP2 has them: redis.setresp(2)");
}

int caller(lua_State* L) {
  push_string(L, Running::of_stage().caller);
  return 1;
}

/// What redis.register_function is told: two arguments, or one table of named ones.
class Registration {
 public:
  explicit Registration(lua_State* L) : L_(L) {}

  Published read() {
    if (lua_gettop(L_) == 1 && lua_istable(L_, 1)) {
      for (lua_pushnil(L_); lua_next(L_, 1) != 0; lua_pop(L_, 1)) named();
    } else if (lua_gettop(L_) == 2) {
      function_.name = text(1, "first argument to redis.register_function must be a string");
      callback_ = 2;
    } else {
      luaL_error(L_, "wrong number of arguments to redis.register_function");
    }
    if (function_.name.empty())
      luaL_error(L_, "redis.register_function must get a function name argument");
    if (callback_ == 0) luaL_error(L_, "redis.register_function must get a callback argument");
    if (!lua_isfunction(L_, callback_))
      luaL_error(L_, "the callback argument given to redis.register_function must be a function");
    const bool fits =
        function_.name.size() <= 64 && std::ranges::all_of(function_.name, [](unsigned char c) {
          return std::isalnum(c) != 0 || c == '_';
        });
    if (!fits)
      luaL_error(
          L_,
          "Function names can only contain letters, numbers, or underscores(_) and must be at "
          "least one character long");
    return std::move(function_);
  }
  int callback() const { return callback_; }

 private:
  std::string text(int index, const char* complaint) {
    if (lua_type(L_, index) != LUA_TSTRING) luaL_error(L_, "%s", complaint);
    return std::string(check_string(L_, index));
  }

  std::vector<std::string> list(const char* complaint) {
    if (!lua_istable(L_, -1)) luaL_error(L_, "%s", complaint);
    std::vector<std::string> items;
    for (int i = 1;; ++i) {
      lua_rawgeti(L_, -1, i);
      if (lua_isnil(L_, -1)) break;
      if (items.size() == limits::services_max) luaL_error(L_, "%s", complaint);
      items.push_back(text(-1, complaint));
      lua_pop(L_, 1);
    }
    lua_pop(L_, 1);
    return items;
  }

  // The key and value on top.
  void named() {
    if (lua_type(L_, -2) != LUA_TSTRING)
      luaL_error(L_, "named argument key given to redis.register_function is not a string");
    const std::string_view key = check_string(L_, -2);
    if (key == "function_name") {
      function_.name =
          text(-1, "function_name argument given to redis.register_function must be a string");
    } else if (key == "description") {
      function_.description =
          text(-1, "description argument given to redis.register_function must be a string");
    } else if (key == "callback") {
      lua_pushvalue(L_, -1);
      lua_insert(L_, 2);  // below what the walk keeps on top
      callback_ = 2;
    } else if (key == "flags") {
      for (const std::string& flag : list("flags argument to redis.register_function must be a "
                                          "table representing function flags"))
        set_flag(flag);
    } else if (key == "allow") {
      function_.allowed =
          list("allow argument to redis.register_function must be a table of services' names");
    } else {
      luaL_error(L_, "unknown argument given to redis.register_function");
    }
  }

  void set_flag(std::string_view flag) {
    // What the others permit, every function may here, or has no meaning.
    static constexpr std::string_view known[] = {"allow-oom", "allow-stale", "no-cluster",
                                                 "allow-cross-slot-keys"};
    if (flag == "no-writes") {
      function_.no_writes = true;
    } else if (std::ranges::find(known, flag) == std::end(known)) {
      luaL_error(L_, "unknown flag given");
    }
  }

  lua_State* L_;
  Published function_;
  int callback_ = 0;  // its place on the stack
};

int register_function(lua_State* L) {
  Loading* const loading = Running::of_stage().loading();
  if (loading == nullptr)
    return luaL_error(L, "redis.register_function can only be called on FUNCTION LOAD command");
  Registration registration(L);
  Published function = registration.read();
  if (std::ranges::find(loading->functions, function.name, &Published::name) !=
      loading->functions.end())
    return luaL_error(L, "Function already exists in the library");
  if (loading->functions.size() == limits::functions_max)
    return luaL_error(L, "a library has at most %d functions",
                      static_cast<int>(limits::functions_max));
  lua_getfield(L, LUA_REGISTRYINDEX, registered);
  push_string(L, function.name);
  lua_pushvalue(L, registration.callback());
  lua_rawset(L, -3);
  loading->functions.push_back(std::move(function));
  return 0;
}

}  // namespace

void open_redis(lua_State* L) {
  static constexpr luaL_Reg ours[] = {{"call", call},
                                      {"pcall", protected_call},
                                      {"error_reply", error_reply},
                                      {"status_reply", status_reply},
                                      {"register_function", register_function},
                                      {"setresp", set_resp},
                                      {"sha1hex", sha1hex},
                                      {"log", nothing},
                                      {"set_repl", nothing},
                                      {"caller", caller},
                                      {nullptr, nullptr}};
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, registered);
  lua_newtable(L);
  set_functions(L, ours);
  static constexpr const char* levels[] = {"LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"};
  for (int i = 0; i < 4; ++i) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, levels[i]);
  }
  lua_pushliteral(L, "7.0.15");  // whose functions these are
  lua_setfield(L, -2, "REDIS_VERSION");
  lua_pushinteger(L, 0x0007000F);
  lua_setfield(L, -2, "REDIS_VERSION_NUM");
  lua_pushvalue(L, -1);
  lua_setglobal(L, "holdfast");
  lua_setglobal(L, "redis");
}

}  // namespace holdfast::function
