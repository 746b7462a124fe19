// SPDX-License-Identifier: Apache-2.0
#include "trial/link.h"

#include <gtest/gtest.h>

namespace holdfast::trial {
namespace {

TEST(Link, IsCutOneWayOrBothAndHealsWhole) {
  Link link("a", "b", 1);
  link.cut(Way::back);
  EXPECT_TRUE(link.is_cut(Way::back));
  EXPECT_FALSE(link.is_cut(Way::forth));
  link.cut();
  EXPECT_TRUE(link.is_cut(Way::forth));
  link.delay(milliseconds(5), milliseconds(2));
  link.lose(0.5);
  link.lose_replies(0.5);
  EXPECT_FALSE(link.is_whole());
  link.heal();
  EXPECT_TRUE(link.is_whole());
}

TEST(Link, HealingWhatWasNotCutEndsNoConnection) {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  auto pair = std::make_shared<Pair>(io);
  pair->near.connect(acceptor.local_endpoint());
  Link link("a", "b", 1);
  link.carry(pair);
  link.delay(milliseconds(5), milliseconds(0));
  link.heal();
  EXPECT_TRUE(pair->near.is_open());
  link.cut(Way::forth);
  link.heal();
  EXPECT_FALSE(pair->near.is_open());
}

TEST(Link, DelaysWithinTheJitter) {
  Link link("a", "b", 1);
  EXPECT_EQ(link.passage(), milliseconds(0));
  link.delay(milliseconds(100), milliseconds(20));
  for (int i = 0; i < 1'000; ++i) {
    const auto takes = link.passage();
    ASSERT_TRUE(takes);
    EXPECT_GE(*takes, milliseconds(100));
    EXPECT_LE(*takes, milliseconds(120));
  }
}

TEST(Link, LossStallsAsAStreamDoesAndBreaksItAtLast) {
  Link link("a", "b", 1);
  link.lose(0.5);
  int whole = 0, stalled = 0, broken = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto takes = link.passage();
    if (!takes) {
      ++broken;
    } else if (takes->count() == 0) {
      ++whole;
    } else {
      // 200, 200 + 400, 200 + 400 + 800, …
      EXPECT_EQ((takes->count() / 200 + 1) & (takes->count() / 200), 0) << takes->count();
      ++stalled;
    }
  }
  EXPECT_NEAR(whole, 5'000, 300);
  EXPECT_NEAR(broken, 10'000.0 / 64, 60);
  EXPECT_EQ(whole + stalled + broken, 10'000);
  link.lose(1);
  EXPECT_FALSE(link.passage());
}

TEST(Link, CountsEachWayByItself) {
  Link link("a", "b", 1);
  link.passed(Way::forth, 10);
  link.passed(Way::forth, 5);
  link.passed(Way::back, 1);
  EXPECT_EQ(link.traffic(Way::forth).bytes, 15u);
  EXPECT_EQ(link.traffic(Way::forth).pieces, 2u);
  EXPECT_EQ(link.traffic(Way::back).bytes, 1u);
}

}  // namespace
}  // namespace holdfast::trial
