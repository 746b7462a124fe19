// SPDX-License-Identifier: Apache-2.0
#include "node/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Engine, IsThisDisksOrEtcds) {
  EXPECT_FALSE(parse_engine("embedded")->shared());
  const auto one = parse_engine("etcd://127.0.0.1:2379");
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->shared());
  EXPECT_THAT(one->etcd, ElementsAre("127.0.0.1:2379"));
  EXPECT_THAT(parse_engine("etcd://a:1,b:2,[::1]:3")->etcd, ElementsAre("a:1", "b:2", "[::1]:3"));
}

TEST(Engine, SaysWhatIsWrong) {
  for (const char* text : {"", "disk", "ETCD://a:1"})
    EXPECT_THAT(parse_engine(text).error().message, HasSubstr("unknown engine"));
  for (const char* text : {"etcd://", "etcd://a", "etcd://a:", "etcd://:1", "etcd://a:0",
                           "etcd://a:65536", "etcd://a:1,", "etcd://a:1,,b:1", "etcd://a:x"})
    EXPECT_THAT(parse_engine(text).error().message, HasSubstr("is not HOST:PORT")) << text;
}

}  // namespace
}  // namespace holdfast::node
