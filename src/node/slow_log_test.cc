// SPDX-License-Identifier: Apache-2.0
#include "node/slow_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::node {
namespace {

using testing::ElementsAre;

TEST(SlowLog, CutsLongCommandsAsRedisDoes) {
  std::vector<std::string_view> args(40, "x");
  auto cut = cut_command(args);
  ASSERT_EQ(cut.size(), 32U);
  EXPECT_EQ(cut[30], "x");
  EXPECT_EQ(cut[31], "... (9 more arguments)");
  args.resize(32);
  EXPECT_EQ(cut_command(args).back(), "x");
  args.resize(33, "x");
  EXPECT_EQ(cut_command(args).back(), "... (2 more arguments)");

  const std::string longer(200, 'v');
  const std::string_view words[] = {"SET", longer};
  EXPECT_THAT(cut_command(words),
              ElementsAre("SET", std::string(128, 'v') + "... (72 more bytes)"));
  const std::string fits(128, 'v');
  const std::string_view whole[] = {"SET", fits};
  EXPECT_THAT(cut_command(whole), ElementsAre("SET", fits));
}

TEST(SlowLog, KeepsTheNewestAndNumbersThemOnAfterAReset) {
  SlowLog log;
  log.set_max_len(2);
  const std::string_view words[] = {"PING"};
  for (int i = 0; i < 3; ++i) log.add({}, std::chrono::microseconds(i), words, {});
  ASSERT_EQ(log.entries().size(), 2U);
  EXPECT_EQ(log.entries().front().id, 3U);
  EXPECT_EQ(log.entries().back().id, 2U);
  log.set_max_len(1);
  EXPECT_EQ(log.entries().size(), 1U);
  log.clear();
  EXPECT_EQ(log.add({}, {}, words, {}).id, 4U);
  log.set_max_len(0);
  EXPECT_FALSE(log.is_on());
}

}  // namespace
}  // namespace holdfast::node
