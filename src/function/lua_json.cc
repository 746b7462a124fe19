// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/limits.h"
#include "function/lua_library.h"
#include "function/running.h"

namespace holdfast::function {
namespace {

using Json = nlohmann::json;

void check_depth(lua_State* L, int depth) {
  if (depth > limits::function_nesting_max)
    luaL_error(L, "JSON is nested more than %d deep", limits::function_nesting_max);
}

/// Pushes what the parser meets; null is cjson.null.
class Decoder : public nlohmann::json_sax<Json> {
 public:
  explicit Decoder(lua_State* L) : L_(L) {}

  bool null() override {
    lua_pushlightuserdata(L_, nullptr);
    return place();
  }
  bool boolean(bool value) override {
    lua_pushboolean(L_, value ? 1 : 0);
    return place();
  }
  bool number_integer(number_integer_t value) override {
    return number(static_cast<double>(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return number(static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return number(value); }
  bool string(string_t& text) override {
    push_string(L_, text);
    return place();
  }
  bool binary(binary_t&) override { return false; }
  bool key(string_t& text) override {
    push_string(L_, text);
    return true;
  }
  bool start_object(std::size_t) override { return begin(false); }
  bool end_object() override { return end(); }
  bool start_array(std::size_t) override { return begin(true); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::detail::exception&) override {
    failed_at = at;
    return false;
  }

  std::size_t failed_at = 0;

 private:
  bool number(double value) {
    lua_pushnumber(L_, value);
    return place();
  }
  bool begin(bool array) {
    check_depth(L_, static_cast<int>(open_.size()) + 1);
    luaL_checkstack(L_, 4, "JSON");
    lua_newtable(L_);
    open_.push_back(array ? 1 : 0);
    return true;
  }
  bool end() {
    open_.pop_back();
    return place();
  }
  // Puts the value on top where it belongs: into the array or object around it.
  bool place() {
    Running::of_stage().charge(L_, 1);
    if (open_.empty()) return true;
    if (open_.back() != 0) {
      lua_rawseti(L_, -2, open_.back()++);
    } else {
      lua_rawset(L_, -3);
    }
    return true;
  }

  lua_State* L_;
  std::vector<int> open_;  // an array's next place, 0 for an object
};

int decode(lua_State* L) {
  const std::string_view text = check_string(L, 1);
  Running::of_stage().charge(L, text.size());
  Decoder decoder(L);
  if (!Json::sax_parse(text, &decoder))
    return luaL_error(L, "Expected JSON, found something else at character %d",
                      static_cast<int>(decoder.failed_at));
  return 1;
}

/// Writes as lua-cjson does.
class Encoder {
 public:
  explicit Encoder(lua_State* L) : L_(L) {}

  // The value on top, which stays.
  void value(int depth) {
    check_depth(L_, depth);
    luaL_checkstack(L_, 6, "JSON");
    Running::of_stage().charge(L_, 1);
    switch (lua_type(L_, -1)) {
      case LUA_TSTRING:
        return text(check_string(L_, -1));
      case LUA_TNUMBER:
        return number(lua_tonumber(L_, -1));
      case LUA_TBOOLEAN:
        return append(lua_toboolean(L_, -1) != 0 ? "true" : "false");
      case LUA_TNIL:
        return append("null");
      case LUA_TTABLE:
        return table(depth);
      case LUA_TLIGHTUSERDATA:
        return append("null");
      default:
        luaL_error(L_, "Cannot serialise %s: type not supported", luaL_typename(L_, -1));
    }
  }
  const std::string& written() const { return out_; }

 private:
  void append(std::string_view bytes) {
    Running& running = Running::of_stage();
    running.charge_bytes(L_, bytes.size());
    running.check_size(L_, out_.size() + bytes.size());
    out_.append(bytes);
  }

  void number(double value) {
    if (!std::isfinite(value)) luaL_error(L_, "Cannot serialise number: must not be NaN or Inf");
    char digits[32];
    append(
        {digits, static_cast<std::size_t>(std::snprintf(digits, sizeof digits, "%.14g", value))});
  }

  void text(std::string_view bytes) {
    static constexpr char hex[] = "0123456789abcdef";
    append("\"");
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      switch (c) {
        case '"':
          append("\\\"");
          break;
        case '\\':
          append("\\\\");
          break;
        case '/':
          append("\\/");
          break;
        case '\b':
          append("\\b");
          break;
        case '\t':
          append("\\t");
          break;
        case '\n':
          append("\\n");
          break;
        case '\f':
          append("\\f");
          break;
        case '\r':
          append("\\r");
          break;
        default:
          if (byte < 0x20 || byte == 0x7F) {
            append({"\\u00", 4});
            append({&hex[byte >> 4U], 1});
            append({&hex[byte & 15U], 1});
          } else {
            append({&c, 1});
          }
      }
    }
    append("\"");
  }

  // An array's size; 0: it is an object.
  int array_size() {
    double greatest = 0;
    int count = 0;
    for (lua_pushnil(L_); lua_next(L_, -2) != 0; lua_pop(L_, 1)) {
      Running::of_stage().charge(L_, 1);
      const double key = lua_type(L_, -2) == LUA_TNUMBER ? lua_tonumber(L_, -2) : 0;
      if (key < 1 || std::floor(key) != key) {
        lua_pop(L_, 2);
        return 0;
      }
      greatest = std::max(greatest, key);
      ++count;
    }
    if (greatest > 10 && greatest > 2.0 * count)
      luaL_error(L_, "Cannot serialise table: excessively sparse array");
    return static_cast<int>(greatest);
  }

  void table(int depth) {
    if (const int size = array_size()) {
      append("[");
      for (int i = 1; i <= size; ++i) {
        if (i > 1) append(",");
        lua_rawgeti(L_, -1, i);
        value(depth + 1);
        lua_pop(L_, 1);
      }
      return append("]");
    }
    append("{");
    bool first = true;
    for (lua_pushnil(L_); lua_next(L_, -2) != 0; lua_pop(L_, 1)) {
      if (!first) append(",");
      first = false;
      if (lua_type(L_, -2) == LUA_TNUMBER) {
        append("\"");
        number(lua_tonumber(L_, -2));
        append("\"");
      } else if (lua_type(L_, -2) == LUA_TSTRING) {
        text(check_string(L_, -2));
      } else {
        luaL_error(L_, "Cannot serialise table: table key must be a number or string");
      }
      append(":");
      value(depth + 1);
    }
    append("}");
  }

  lua_State* L_;
  std::string out_;
};

int encode(lua_State* L) {
  luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
  Encoder encoder(L);
  encoder.value(0);
  push_string(L, encoder.written());
  return 1;
}

}  // namespace

void open_json(lua_State* L) {
  static constexpr luaL_Reg ours[] = {{"encode", encode}, {"decode", decode}, {nullptr, nullptr}};
  lua_newtable(L);
  set_functions(L, ours);
  lua_pushlightuserdata(L, nullptr);
  lua_setfield(L, -2, "null");
  lua_setglobal(L, "cjson");
}

}  // namespace holdfast::function
