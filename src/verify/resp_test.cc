// SPDX-License-Identifier: Apache-2.0
#include "verify/resp.h"

#include <gtest/gtest.h>

#include "verify/testing.h"

namespace holdfast::verify {
namespace {

TEST(Resp, ARequestIsAnArrayOfItsWords) {
  std::string out;
  encode_request({"SET", "k", "a\r\nb"}, out);
  EXPECT_EQ(out, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n");
}

// A network may cut anywhere.
TEST(Resp, ARepliesPartsWaitForTheRest) {
  const std::string whole = "*4\r\n:-7\r\n$4\r\na\r\nb\r\n$-1\r\n-ERR no\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::string part = whole.substr(0, size);
    const auto reply = take_reply(part);
    ASSERT_TRUE(reply) << size;
    EXPECT_FALSE(*reply) << size;
    EXPECT_EQ(part.size(), size);
  }
  std::string all = whole + "+OK\r\n";
  const auto first = take_reply(all);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ(**first, testing::array_of({Answer::of(-7), Answer::of("a\r\nb"), Answer{},
                                        Answer{Answer::Kind::error, 0, "ERR no", {}}}));
  const auto second = take_reply(all);
  ASSERT_TRUE(second && *second);
  EXPECT_EQ(**second, Answer::of("OK"));
  EXPECT_TRUE(all.empty());
}

TEST(Resp, WhatIsNoReplyIsAnError) {
  for (const char* const bytes :
       {"hello\r\n", ":x\r\n", "$-x\r\n", "\r\n", ":99999999999999999999\r\n"}) {
    std::string input = bytes;
    EXPECT_FALSE(take_reply(input)) << bytes;
  }
  std::string deep;
  for (int i = 0; i < 2 * resp_depth_max; ++i) deep += "*1\r\n";
  EXPECT_FALSE(take_reply(deep));
}

}  // namespace
}  // namespace holdfast::verify
