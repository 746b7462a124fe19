// SPDX-License-Identifier: Apache-2.0
// Protects: libraries written for Redis load and run; nothing outlives a call; nothing reaches
// outside; what loops, allocates, recurses or returns monsters ends with a clear error.
#include "function/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace holdfast::function {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// GET, SET and a command that fails, over a map.
class Few : public Commands {
 public:
  bool call(Args args, Reply& reply) override {
    calls.emplace_back(args.begin(), args.end());
    if (args[0] == "GET" && args.size() == 2) {
      const auto found = values.find(std::string(args[1]));
      found == values.end() ? reply.null() : reply.bulk(found->second);
    } else if (args[0] == "SET" && args.size() == 3) {
      values[std::string(args[1])] = args[2];
      reply.ok();
    } else if (args[0] == "LIST") {
      reply.array(3);
      reply.integer(7);
      reply.bulk("x");
      reply.null();
    } else {
      reply.raw_error("WRONGTYPE no");
    }
    return false;
  }
  std::map<std::string, std::string> values;
  std::vector<std::vector<std::string>> calls;
};

std::string library_of(std::string_view body) {
  return "#!lua name=test\n" + std::string(body);
}
// A library whose only function `f` has this body.
std::string function_of(std::string_view body) {
  return library_of("redis.register_function('f', function(keys, args) " + std::string(body) +
                    " end)");
}

class LibraryTest : public testing::Test {
 protected:
  std::string call(const Library& library, std::string_view function = "f",
                   std::vector<std::string_view> keys = {},
                   std::vector<std::string_view> args = {}) {
    std::string out;
    Reply reply(out);
    library.call({.function = function, .keys = keys, .args = args, .caller = "shop", .seed = 1},
                 commands_, reply);
    return out;
  }
  std::string run(std::string_view body, std::vector<std::string_view> keys = {},
                  std::vector<std::string_view> args = {}) {
    const auto library = Library::load(function_of(body));
    if (!library) return "not loaded: " + library.error().message;
    return call(**library, "f", std::move(keys), std::move(args));
  }
  std::string loading(std::string_view source) {
    const auto library = Library::load(std::string(source));
    return library ? "loaded" : library.error().message;
  }
  Few commands_;
};

TEST_F(LibraryTest, CallsCommandsAndReturnsReplies) {
  EXPECT_EQ(run("return redis.call('SET', keys[1], args[1])", {"k"}, {"v"}), "+OK\r\n");
  EXPECT_EQ(run("return redis.call('GET', 'k')"), "$1\r\nv\r\n");
  EXPECT_EQ(run("return redis.call('GET', 'other')"), "$-1\r\n");
  EXPECT_EQ(run("return redis.call('LIST')"), "*3\r\n:7\r\n$1\r\nx\r\n$-1\r\n");
  EXPECT_EQ(run("return {1, 'a', 3.9, true, {2}, false, nil, 5}"),
            "*6\r\n:1\r\n$1\r\na\r\n:3\r\n:1\r\n*1\r\n:2\r\n$-1\r\n");
  EXPECT_EQ(run("return redis.status_reply('fine')"), "+fine\r\n");
  EXPECT_EQ(run("return redis.error_reply('MYERR no\\r\\n:1')"), "-MYERR no  :1\r\n");
  EXPECT_EQ(run("return {double = 1.5}"), ",1.5\r\n");
  EXPECT_EQ(run("return {map = {a = 1}}"), "%1\r\n$1\r\na\r\n:1\r\n");
  EXPECT_EQ(run("redis.call('SET', 'n', 10) return redis.call('GET', 'n')"), "$2\r\n10\r\n");
  EXPECT_EQ(run("return holdfast.caller()"), "$4\r\nshop\r\n");
}

TEST_F(LibraryTest, ErrorsOfCommandsCanBeCaught) {
  EXPECT_EQ(run("return redis.call('NONE')"), "-WRONGTYPE no\r\n");
  EXPECT_EQ(run("local r = redis.pcall('NONE') return r.err"), "$12\r\nWRONGTYPE no\r\n");
  EXPECT_EQ(run("local ok, e = pcall(redis.call, 'NONE') return e.err"), "$12\r\nWRONGTYPE no\r\n");
  EXPECT_THAT(run("error('enough')"), HasSubstr("enough"));
  EXPECT_THAT(run("error({})"), StartsWith("-ERR function 'f'"));
  EXPECT_THAT(run("return redis.call({})"), HasSubstr("strings or integers"));
}

TEST_F(LibraryTest, NothingOutlivesACall) {
  const auto library = Library::load(library_of(
      "local n = 0; t = {}\n"
      "redis.register_function('f', function() n = n + 1; t[#t + 1] = n; x = (x or 0) + 1\n"
      "string.len = nil; return n * 100 + #t * 10 + x end)"));
  ASSERT_TRUE(library) << library.error().message;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(call(**library), ":111\r\n");
  EXPECT_EQ(run("return string.len('abc')"), ":3\r\n");
  EXPECT_EQ(call(**library), ":111\r\n");
}

TEST_F(LibraryTest, TheHeaderSaysWhoseItIs) {
  const auto library = Library::load(
      "#!lua name=bank keyspace=accounts\nredis.register_function{function_name='f', "
      "callback=function() end, "
      "description='d', flags={'no-writes'}, allow={'shop', 'feed'}}");
  ASSERT_TRUE(library) << library.error().message;
  EXPECT_EQ((*library)->name(), "bank");
  EXPECT_EQ((*library)->keyspace(), "accounts");
  ASSERT_NE((*library)->find("f"), nullptr);
  const Published& f = *(*library)->find("f");
  EXPECT_TRUE(f.no_writes);
  EXPECT_EQ(f.description, "d");
  EXPECT_THAT(f.allowed, testing::ElementsAre("shop", "feed"));
  EXPECT_EQ(loading("return 1"), "Missing library metadata");
  EXPECT_EQ(loading("#!js name=a\n"), "Engine 'js' not found");
  EXPECT_EQ(loading("#!lua\n"), "Library name was not given");
  EXPECT_EQ(loading("#!lua name=a-b\n"), loading("#!lua name=\n"));
  EXPECT_EQ(loading("#!lua name=a foo=b\n"), "Invalid metadata value given: foo=b");
  EXPECT_EQ(loading("#!lua name=a\n"), "No functions registered");
  EXPECT_THAT(loading("#!lua name=a\nthis is no Lua"), HasSubstr("a:2:"));
  EXPECT_THAT(loading("#!lua name=a\nredis.call('GET', 'x')"), HasSubstr("inside a function"));
  EXPECT_THAT(run("redis.register_function('g', function() end)"), HasSubstr("FUNCTION LOAD"));
}

TEST_F(LibraryTest, NothingReachesOutside) {
  for (const std::string_view name :
       {"os", "io", "debug", "require", "module", "package", "print", "dofile", "loadfile", "load",
        "newproxy", "collectgarbage", "gcinfo"}) {
    EXPECT_EQ(run("return type(" + std::string(name) + ")"), "$3\r\nnil\r\n") << name;
  }
  EXPECT_EQ(run("return type(string.dump)"), "$3\r\nnil\r\n");
  EXPECT_EQ(run("return tostring(loadstring('\\27Lua'))"), "$3\r\nnil\r\n");
  EXPECT_EQ(run("return loadstring('return 1 + 1')()"), ":2\r\n");
}

TEST_F(LibraryTest, WhatDoesNotEndIsEnded) {
  for (const std::string_view body :
       {"while true do end", "while true do pcall(function() while true do end end) end",
        "local function f() return f() end f()", "local function f() pcall(f) f() end f()",
        "string.find(string.rep('a', 1000), string.rep('a-', 30) .. 'b')",
        "string.rep('', 1e9) while true do string.rep('x', 1000) end",
        "for i = 1, 1e9 do string.lower('abc') end", "while true do redis.pcall('GET', 'k') end",
        "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.insert(t, 1, 0) end",
        "local t = {} for i = 1, 3e5 do t[i] = i end table.sort(t, function() return true end)",
        "coroutine.wrap(function() while true do end end)()",
        "local s = string.rep('x', 1e6) while true do local a = s .. 'y' end"}) {
    const std::string reply = run(body);
    EXPECT_THAT(reply, StartsWith("-ERR the function ran more than")) << body;
  }
}

TEST_F(LibraryTest, WhatTakesTooMuchIsRefused) {
  for (const std::string_view body :
       {"return string.rep('x', 1e9)", "local t = {} for i = 1, 1e9 do t[i] = i end",
        "local s = 'x' while true do s = s .. s end", "pcall(string.rep, 'x', 1e9) return 1",
        "local t = {} for i = 1, 1e7 do t[i] = {} end"}) {
    const std::string reply = run(body);
    EXPECT_THAT(reply, testing::AnyOf(StartsWith("-ERR the function used more than"),
                                      StartsWith("-ERR the function ran more than")))
        << body;
  }
}

TEST_F(LibraryTest, MonstersAreNotReturned) {
  EXPECT_THAT(run("local t = {} t[1] = t return t"), HasSubstr("nested more than"));
  EXPECT_THAT(run("local t = {} for i = 1, 100 do t = {t} end return t"),
              HasSubstr("nested more than"));
  EXPECT_THAT(
      run("local s = string.rep('x', 1e6) local t = {} for i = 1, 100 do t[i] = s end return t"),
      testing::AnyOf(HasSubstr("longer than"), HasSubstr("ran more than")));
  EXPECT_THAT(run("local function f(n) return 1 + f(n + 1) end return f(1)"),
              testing::AnyOf(HasSubstr("stack overflow"), HasSubstr("ran more than")));
  EXPECT_EQ(run("return 0/0"), ":0\r\n");
  EXPECT_EQ(run("return 1e300"), ":9223372036854775807\r\n");
  EXPECT_EQ(run("return function() end"), "$-1\r\n");
}

TEST_F(LibraryTest, OrderAndChanceAreTheSameEveryTime) {
  const std::string_view body =
      "local t, out = {}, {} for i = 1, 50 do t[{}] = i t['k' .. i] = i t[i * 1.5] = i end "
      "for k, v in pairs(t) do out[#out + 1] = tostring(k) .. v end "
      "return table.concat(out, ',') .. math.random(1000000)";
  const std::string first = run(body);
  EXPECT_GT(first.size(), 500U);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(run(body), first);
}

TEST_F(LibraryTest, SortsAndJoins) {
  EXPECT_EQ(run("local t = {} for i = 1, 100 do t[i] = (i * 37) % 101 end table.sort(t) for i = 2, "
                "100 do assert(t[i - 1] < t[i]) end return #t"),
            ":100\r\n");
  EXPECT_EQ(run("local t = {'b', 'c', 'a'} table.sort(t, function(a, b) return a > b end) return "
                "table.concat(t, '-')"),
            "$5\r\nc-b-a\r\n");
  EXPECT_EQ(run("local t = {1, 2, 3} table.insert(t, 1, 0) table.insert(t, 9) return "
                "table.concat(t) .. table.remove(t, 1) .. table.remove(t) .. #t"),
            "$8\r\n01239093\r\n");
  EXPECT_EQ(run("local s, n = ('hello world'):gsub('o', '0') return s .. n"),
            "$12\r\nhell0 w0rld2\r\n");
  EXPECT_EQ(run("local o = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do o[#o + 1] = v .. k "
                "end return table.concat(o)"),
            "$4\r\n1a2b\r\n");
  EXPECT_EQ(run("return ('x'):rep(3) .. ('%d-%s'):format(4, 'z')"), "$6\r\nxxx4-z\r\n");
}

TEST_F(LibraryTest, SpeaksJson) {
  EXPECT_EQ(run("return cjson.encode({1, 'a\"/', {b = true}, cjson.null})"),
            "$27\r\n[1,\"a\\\"\\/\",{\"b\":true},null]\r\n");
  EXPECT_EQ(run("local t = cjson.decode('{\"a\": [1, 2.5, \"x\", null], \"b\": {\"c\": false}}') "
                "return {t.a[1], t.a[2] * 2, t.a[3], t.a[4] == cjson.null, t.b.c == false}"),
            "*5\r\n:1\r\n:5\r\n$1\r\nx\r\n:1\r\n:1\r\n");
  EXPECT_THAT(run("return cjson.decode('{')"), HasSubstr("Expected JSON"));
  EXPECT_THAT(run("return cjson.decode(('['):rep(100000))"), HasSubstr("nested more than"));
  EXPECT_THAT(run("local t = {} t[1] = t return cjson.encode(t)"), HasSubstr("nested more than"));
}

}  // namespace
}  // namespace holdfast::function
