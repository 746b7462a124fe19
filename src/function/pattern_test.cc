// SPDX-License-Identifier: Apache-2.0
// Protects: our patterns match what Lua 5.1's match, with the same captures and complaints; those
// that take for ever, or recurse without end, there, end here.
#include "function/pattern.h"

#include <gtest/gtest.h>

#include <lua.hpp>
#include <memory>
#include <random>
#include <string>

namespace holdfast::function {
namespace {

// "from,to" of the first match and each capture behind it, or the complaint.
std::string ours(const std::string& subject, const std::string& pattern, std::uint64_t units) {
  Work work(units);
  const bool anchored = pattern.starts_with('^');
  Pattern matcher(subject, std::string_view(pattern).substr(anchored ? 1 : 0), work);
  for (std::size_t begin = 0; begin <= subject.size(); ++begin) {
    const auto end = matcher.match_at(begin);
    if (matcher.error() != nullptr) return matcher.error();
    if (work.spent()) return "work";
    if (end) {
      std::string found = std::to_string(begin + 1) + "," + std::to_string(*end);
      for (std::size_t i = 0; i < matcher.captures(); ++i) {
        const auto capture = matcher.capture(i);
        if (!capture) return matcher.error();
        found += "," + (capture->is_position ? std::to_string(capture->begin + 1)
                                             : subject.substr(capture->begin, capture->size));
      }
      return found;
    }
    if (anchored) break;
  }
  return "none";
}

class Lua {
 public:
  Lua() : state_(luaL_newstate(), lua_close) { luaL_openlibs(state_.get()); }

  std::string find(const std::string& subject, const std::string& pattern) {
    lua_State* const L = state_.get();
    lua_settop(L, 0);
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "find");
    lua_replace(L, 1);
    lua_pushlstring(L, subject.data(), subject.size());
    lua_pushlstring(L, pattern.data(), pattern.size());
    if (lua_pcall(L, 2, LUA_MULTRET, 0) != 0) return lua_tostring(L, -1);
    if (lua_isnil(L, 1)) return "none";
    std::string found;
    for (int i = 1; i <= lua_gettop(L); ++i) {
      std::size_t size = 0;
      const char* const text = lua_tolstring(L, i, &size);
      found += (i > 1 ? "," : "") + std::string(text, size);
    }
    return found;
  }

 private:
  std::unique_ptr<lua_State, decltype(&lua_close)> state_;
};

std::string any_pattern(std::mt19937_64& random) {
  static const char* const parts[] = {"a",     "b",   ".",      "%a", "%d", "%W", "[ab]", "[^a]",
                                      "[a-c]", "[]]", "[%d%]]", "(",  ")",  "()", "%1",   "%b()",
                                      "%f[a]", "%f",  "*",      "+",  "-",  "?",  "$",    "^",
                                      "%",     "[",   "%.",     "[^", "%z", "%2", "[a-]", "%x"};
  std::string pattern = random() % 6 == 0 ? "^" : "";
  for (std::size_t i = 1 + random() % 7; i > 0; --i) pattern += parts[random() % std::size(parts)];
  return pattern;
}

TEST(Pattern, AgreesWithLua) {
  Lua lua;
  std::mt19937_64 random(1);
  int matches = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string pattern = any_pattern(random);
    // Of others string.find looks for the text as it is.
    if (pattern.find_first_of("^$*+?.([%-") == std::string::npos) continue;
    std::string subject;
    for (std::size_t n = random() % 10; n > 0; --n) subject += "abc()1 ]%."[random() % 10];
    const std::string expected = lua.find(subject, pattern);
    ASSERT_EQ(ours(subject, pattern, 1'000'000), expected)
        << "'" << subject << "' and '" << pattern << "'";
    if (expected != "none" && expected.find("attern") == std::string::npos) ++matches;
  }
  EXPECT_GT(matches, 20'000);  // else the drawing is at fault
}

TEST(Pattern, SpendsNoMoreThanItMay) {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "a-";
  EXPECT_EQ(ours(std::string(1'000, 'a'), pattern + "b", 1'000'000), "work");
  EXPECT_EQ(ours(std::string(100'000, '('), "%b()", 1'000'000), "work");
}

TEST(Pattern, DoesNotRecurseWithoutEnd) {
  std::string pattern;
  for (int i = 0; i < 300'000; ++i) pattern += "a?";
  EXPECT_EQ(ours(std::string(300'000, 'a'), pattern, 1'000'000'000), "pattern too complex");
  EXPECT_EQ(ours("", std::string(40, '('), 1'000), "too many captures");
}

TEST(Pattern, KnowsNoEndOfAText) {
  using namespace std::string_literals;
  EXPECT_EQ(ours("a\0b"s, "a\0b"s, 1'000), "1,3");
  EXPECT_EQ(ours("a\0b"s, "[\0]"s, 1'000), "2,2");
}

}  // namespace
}  // namespace holdfast::function
