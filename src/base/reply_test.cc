// SPDX-License-Identifier: Apache-2.0
#include "base/reply.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

namespace holdfast {
namespace {

template <typename Write>
std::string written(Write&& write) {
  std::string out;
  Reply reply(out);
  write(reply);
  return out;
}

TEST(Reply, WritesTheCanonicalForms) {
  EXPECT_EQ(written([](Reply& r) { r.ok(); }), "+OK\r\n");
  EXPECT_EQ(written([](Reply& r) { r.simple("PONG"); }), "+PONG\r\n");
  EXPECT_EQ(written([](Reply& r) { r.integer(-7); }), ":-7\r\n");
  EXPECT_EQ(written([](Reply& r) { r.bulk("a\r\nb"); }), "$4\r\na\r\nb\r\n");
  EXPECT_EQ(written([](Reply& r) { r.bulk(""); }), "$0\r\n\r\n");
  EXPECT_EQ(written([](Reply& r) { r.null(); }), "$-1\r\n");
  EXPECT_EQ(written([](Reply& r) { r.null_array(); }), "*-1\r\n");
  EXPECT_EQ(written([](Reply& r) { r.boolean(true); }), "#t\r\n");
  EXPECT_EQ(written([](Reply& r) { r.boolean(false); }), "#f\r\n");
  EXPECT_EQ(written([](Reply& r) { r.array(3); }), "*3\r\n");
  EXPECT_EQ(written([](Reply& r) { r.map(2); }), "%2\r\n");
  EXPECT_EQ(written([](Reply& r) { r.set(0); }), "~0\r\n");
  EXPECT_EQ(written([](Reply& r) { r.push(1); }), ">1\r\n");
  EXPECT_EQ(written([](Reply& r) { r.verbatim_text("hi"); }), "=6\r\ntxt:hi\r\n");
}

TEST(Reply, IntegersOf64Bits) {
  EXPECT_EQ(written([](Reply& r) { r.integer(std::numeric_limits<std::int64_t>::min()); }),
            ":-9223372036854775808\r\n");
  EXPECT_EQ(written([](Reply& r) { r.integer(std::numeric_limits<std::int64_t>::max()); }),
            ":9223372036854775807\r\n");
}

TEST(Reply, RealsAreAsRedisWritesThem) {
  EXPECT_EQ(written([](Reply& r) { r.real(0.1); }), ",0.10000000000000001\r\n");  // as Redis 7.0
  EXPECT_EQ(written([](Reply& r) { r.real(3); }), ",3\r\n");
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(written([&](Reply& r) { r.real(infinity); }), ",inf\r\n");
  EXPECT_EQ(written([&](Reply& r) { r.real(-infinity); }), ",-inf\r\n");
  EXPECT_EQ(written([](Reply& r) { r.real(std::numeric_limits<double>::quiet_NaN()); }),
            ",nan\r\n");
  EXPECT_EQ(written([](Reply& r) { r.real(-std::numeric_limits<double>::denorm_min()); }),
            ",-4.9406564584124654e-324\r\n");
}

TEST(Reply, ALineBreakInATextCannotEndTheReply) {
  const std::string injected = "x\r\n:1\r\n$3\nabc";
  const std::string flat = "x  :1  $3 abc";
  EXPECT_EQ(written([&](Reply& r) { r.simple(injected); }), "+" + flat + "\r\n");
  EXPECT_EQ(written([&](Reply& r) { r.raw_error("ERR " + injected); }), "-ERR " + flat + "\r\n");
  EXPECT_EQ(written([&](Reply& r) { r.error({Code::busy, injected}); }), "-BUSY " + flat + "\r\n");
}

RC_GTEST_PROP(Reply, AnyTextIsOneLine, (const std::string& text)) {
  for (const std::string& reply :
       {written([&](Reply& r) { r.simple(text); }), written([&](Reply& r) { r.raw_error(text); }),
        written([&](Reply& r) {
          r.error({Code::err, text});
        })}) {
    RC_ASSERT(std::count(reply.begin(), reply.end(), '\n') == 1);
    RC_ASSERT(std::count(reply.begin(), reply.end(), '\r') == 1);
    RC_ASSERT(reply.ends_with("\r\n"));
  }
}

TEST(Reply, KnowsWhatItWroteAndCanForgetIt) {
  std::string out = "-earlier\r\n";
  Reply reply(out);
  EXPECT_FALSE(reply.is_error());
  EXPECT_EQ(reply.written(), "");
  reply.error({Code::wrong_type, "no"});
  EXPECT_TRUE(reply.is_error());
  EXPECT_EQ(reply.written(), "-WRONGTYPE no\r\n");
  reply.clear();
  EXPECT_EQ(out, "-earlier\r\n");
  reply.array(1);
  reply.error({Code::err, "inside"});
  EXPECT_FALSE(reply.is_error()) << "only the reply as a whole can be one";
}

}  // namespace
}  // namespace holdfast
