// SPDX-License-Identifier: Apache-2.0
#include "base/hybrid_clock.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace holdfast {
namespace {

const Instant noon = instant_from_ms(1'800'000'000'000);

TEST(HybridClock, FollowsTheWallClock) {
  HybridClock clock;
  EXPECT_EQ(clock.tick(noon), HybridTime::at(noon));
  EXPECT_EQ(clock.tick(noon + Millis(5)).wall(), noon + Millis(5));
  EXPECT_EQ(HybridTime::at(noon).wall(), noon);
}

TEST(HybridClock, GrowsWhenTheWallClockStandsOrGoesBack) {
  HybridClock clock;
  const HybridTime first = clock.tick(noon);
  const HybridTime second = clock.tick(noon);
  const HybridTime third = clock.tick(noon - Millis(3'600'000));
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_EQ(third.wall(), noon);
}

TEST(HybridClock, LiesAfterWhatItObserved) {
  HybridClock clock;
  clock.tick(noon);
  const HybridTime remote = HybridTime{HybridTime::at(noon + Millis(10)).value + 7};
  clock.observe(remote);
  EXPECT_GT(clock.tick(noon), remote);
  clock.observe(HybridTime::at(noon - Millis(10)));
  EXPECT_GT(clock.last(), remote) << "an earlier time changes nothing";
}

TEST(HybridClock, MoreThan65535TicksInAMillisecondGoOnIntoTheNext) {
  HybridClock clock;
  HybridTime last = clock.tick(noon);
  for (int i = 0; i < 70'000; ++i) {
    const HybridTime next = clock.tick(noon);
    ASSERT_GT(next, last);
    last = next;
  }
  EXPECT_EQ(last.wall(), noon + Millis(1));
  EXPECT_EQ(clock.tick(noon + Millis(2)), HybridTime::at(noon + Millis(2)));
}

RC_GTEST_PROP(HybridClock, EveryTickIsGreaterThanAllBefore, ()) {
  HybridClock clock;
  HybridTime greatest;
  const int steps = *rc::gen::inRange(0, 100);
  for (int i = 0; i < steps; ++i) {
    const Instant wall = noon + Millis(*rc::gen::inRange<std::int64_t>(-1000, 1000));
    if (*rc::gen::arbitrary<bool>()) {
      const HybridTime seen{HybridTime::at(wall).value + *rc::gen::inRange<std::uint64_t>(0, 9)};
      clock.observe(seen);
      greatest = std::max(greatest, seen);
    } else {
      const HybridTime tick = clock.tick(wall);
      RC_ASSERT(tick > greatest);
      RC_ASSERT(tick.wall() >= wall);
      greatest = tick;
    }
  }
}

}  // namespace
}  // namespace holdfast
