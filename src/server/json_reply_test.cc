// SPDX-License-Identifier: Apache-2.0
#include "server/json_reply.h"

#include <gtest/gtest.h>

#include "base/reply.h"

namespace holdfast::server {
namespace {

std::string json(std::string_view canonical, JsonStyle style = {}, const Shape& shape = {}) {
  std::string out;
  append_json(out, canonical, shape, style);
  return out;
}

constexpr JsonStyle as_resource{.resp2 = false};

TEST(JsonReply, Scalars) {
  EXPECT_EQ(json("+OK\r\n"), R"("OK")");
  EXPECT_EQ(json(":-7\r\n"), "-7");
  EXPECT_EQ(json("$-1\r\n"), "null");
  EXPECT_EQ(json("*-1\r\n"), "null");
  EXPECT_EQ(json("$4\r\na\"\\\n\r\n"), R"("a\"\\\n")");
  EXPECT_EQ(json("$2\r\n\x01\x7f\r\n"), R"("\u0001\u007f")");
  EXPECT_EQ(json("=7\r\ntxt:abc\r\n"), R"("abc")");
  EXPECT_EQ(json("#t\r\n"), "1");
  EXPECT_EQ(json("#t\r\n", as_resource), "true");
  EXPECT_EQ(json(",1.5\r\n"), R"("1.5")");
  EXPECT_EQ(json(",1.5\r\n", as_resource), "1.5");
  EXPECT_EQ(json(",inf\r\n", as_resource), R"("inf")");
}

TEST(JsonReply, IntegersThatJavaScriptWouldRoundAreStrings) {
  EXPECT_EQ(json(":9007199254740991\r\n"), "9007199254740991");
  EXPECT_EQ(json(":-9007199254740991\r\n"), "-9007199254740991");
  EXPECT_EQ(json(":9007199254740992\r\n"), R"("9007199254740992")");
  EXPECT_EQ(json(":-9223372036854775808\r\n"), R"("-9223372036854775808")");
  EXPECT_EQ(json(":9007199254740992\r\n", {.base64 = true}), R"("OTAwNzE5OTI1NDc0MDk5Mg==")");
}

TEST(JsonReply, BrokenUtf8IsReplacedByteByByte) {
  EXPECT_EQ(json("$5\r\na\xff\xc3\xa9\x80\r\n"), "\"a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\"");
  EXPECT_EQ(json("$3\r\n\xed\xa0\x80\r\n"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(JsonReply, Collections) {
  const std::string map = "%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*2\r\n:2\r\n$-1\r\n";
  EXPECT_EQ(json(map), R"(["a",1,"b",[2,null]])");
  EXPECT_EQ(json(map, as_resource), R"({"a":1,"b":[2,null]})");
  EXPECT_EQ(json("~0\r\n"), "[]");
  EXPECT_EQ(json("%0\r\n", as_resource), "{}");
  const std::string pairs = "*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n";
  EXPECT_EQ(json(pairs), R"([["a","1"],["b","2"]])");
  EXPECT_EQ(json(pairs, {}, {.flat_pairs = true}), R"(["a","1","b","2"])");
  EXPECT_EQ(json("*2\r\n+OK\r\n-ERR no\r\n"), R"(["OK","ERR no"])");
}

TEST(JsonReply, Base64) {
  const JsonStyle base64{.base64 = true};
  EXPECT_EQ(json("+OK\r\n", base64), R"("OK")");
  EXPECT_EQ(json("*2\r\n+OK\r\n$0\r\n\r\n", base64), R"(["T0s=",""])");
  EXPECT_EQ(json("$1\r\na\r\n", base64), R"("YQ==")");
  EXPECT_EQ(json("$2\r\nab\r\n", base64), R"("YWI=")");
  EXPECT_EQ(json("$3\r\nabc\r\n", base64), R"("YWJj")");
  EXPECT_EQ(json("$3\r\n\xff\xfe\xfd\r\n", base64), R"("//79")");
}

}  // namespace
}  // namespace holdfast::server
