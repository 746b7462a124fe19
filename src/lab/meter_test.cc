// SPDX-License-Identifier: Apache-2.0
#include "lab/meter.h"

#include <gtest/gtest.h>

namespace holdfast::lab {
namespace {

constexpr At ms(std::int64_t n) {
  return std::chrono::milliseconds(n);
}

TEST(Meter, ANodeIsBehindByWhatItDoesNotShow) {
  Meter meter(2);
  for (int i = 0; i < 10; ++i) meter.accepted(0, ms(100 * i), ms(1));
  meter.shows(0, ms(1'000), meter.acknowledged(), 10, {0, 0});
  meter.shows(1, ms(1'000), meter.acknowledged(), 7, {0, 0});
  const auto slot = meter.end_slot();
  EXPECT_EQ(slot[0].counts.accepted, 10u);
  EXPECT_EQ(slot[0].behind, 0u);
  EXPECT_EQ(slot[1].behind, 3u);
  EXPECT_EQ(slot[1].value, 7);
}

TEST(Meter, ItIsAsStaleAsTheFirstBeatThatItMissed) {
  Meter meter(3);
  for (std::uint64_t i = 1; i <= 10; ++i) {
    meter.beat(0, i, ms(100 * static_cast<int>(i)));
    meter.beat(2, i, ms(100 * static_cast<int>(i)));
  }
  meter.shows(1, ms(1'050), 0, 0, {10, 0, 10});
  EXPECT_EQ(meter.end_slot()[1].behind_for, ms(0));
  meter.shows(1, ms(1'050), 0, 0, {10, 0, 4});  // the fifth came at 500
  EXPECT_EQ(meter.end_slot()[1].behind_for, ms(550));
}

TEST(Meter, ABeatThatNobodyAcknowledgedIsNotMissed) {
  Meter meter(1);
  meter.beat(0, 1, ms(100));
  meter.beat(0, 4, ms(400));
  meter.shows(0, ms(450), 0, 0, {1});
  EXPECT_EQ(meter.end_slot()[0].behind_for, ms(50));
}

TEST(Meter, WhatIsAcknowledgedAfterItWasAskedIsNotHeldAgainstANode) {
  Meter meter(1);
  const std::uint64_t before = meter.acknowledged();
  meter.accepted(0, ms(100), ms(1));
  meter.beat(0, 1, ms(100));
  meter.shows(0, ms(99), before, 0, {0});
  const auto slot = meter.end_slot();
  EXPECT_EQ(slot[0].behind, 0u);
  EXPECT_EQ(slot[0].behind_for, ms(0));
}

TEST(Meter, ASilentNodeFallsBehindFromWhatItShowedLast) {
  Meter meter(2);
  meter.accepted(0, ms(0), ms(1));
  meter.beat(0, 1, ms(0));
  meter.shows(1, ms(10), 1, 1, {1, 0});
  meter.accepted(0, ms(100), ms(1));
  meter.beat(0, 2, ms(100));
  meter.is_silent(1, ms(500), 2);
  const auto slot = meter.end_slot();
  EXPECT_FALSE(slot[1].value);
  EXPECT_EQ(slot[1].behind, 1u);
  EXPECT_EQ(slot[1].behind_for, ms(400));
}

TEST(Meter, PhasesAndSlotsEndByThemselves) {
  Meter meter(1);
  meter.refused(0, "UNAVAILABLE");
  meter.end_slot();
  meter.unknown(0, "UNKNOWN");
  EXPECT_EQ(meter.end_slot()[0].counts.refused, 0u);
  const auto phase = meter.end_phase();
  EXPECT_EQ(phase[0].counts.refused, 1u);
  EXPECT_EQ(phase[0].counts.unknown, 1u);
  EXPECT_EQ(phase[0].counts.codes.size(), 2u);
}

TEST(Meter, WhatIsSettledLaterCounts) {
  Meter meter(1);
  meter.unknown(0, "LOST");
  EXPECT_EQ(meter.acknowledged(), 0u);
  meter.settled(ms(10));
  EXPECT_EQ(meter.acknowledged(), 1u);
}

}  // namespace
}  // namespace holdfast::lab
