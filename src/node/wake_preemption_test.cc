// SPDX-License-Identifier: Apache-2.0
#include "node/wake_preemption.h"

#include <gtest/gtest.h>

namespace holdfast::node {
namespace {

// A thread that runs for so much of each interval.
struct Thread {
  WakePreemption preemption;
  Monotonic now{std::chrono::seconds(1'000)};
  WakePreemption::Duration ran = std::chrono::seconds(500);  // before the first sample

  Thread() { preemption.sample(now, ran); }

  std::optional<bool> run(unsigned percent) {
    now = preemption.next_sample_at();
    ran += percent * std::chrono::nanoseconds(WakePreemption::interval) / 100;
    return preemption.sample(now, ran);
  }
};

TEST(WakePreemption, WhoIsBusyLetsOthersRunOn) {
  Thread thread;
  EXPECT_EQ(thread.run(0), std::nullopt) << "what ran before the first sample says nothing";
  EXPECT_EQ(thread.run(WakePreemption::busy_percent - 1), std::nullopt);
  EXPECT_EQ(thread.run(WakePreemption::busy_percent), false);
  EXPECT_EQ(thread.run(100), std::nullopt) << "it is so already";
  EXPECT_EQ(thread.run(WakePreemption::idle_percent - 1), true);
  EXPECT_EQ(thread.run(0), std::nullopt);
}

TEST(WakePreemption, BetweenTheSharesItStaysAsItIs) {
  Thread thread;
  constexpr unsigned between = (WakePreemption::busy_percent + WakePreemption::idle_percent) / 2;
  EXPECT_EQ(thread.run(between), std::nullopt);
  EXPECT_EQ(thread.run(100), false);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(thread.run(between), std::nullopt);
}

TEST(WakePreemption, TheShareIsOfTheTimeThatPassed) {
  Thread thread;
  // It was told late, as one is that waits for the processor or has nothing to do.
  thread.now += 10 * WakePreemption::interval;
  thread.ran += WakePreemption::interval;
  EXPECT_EQ(thread.preemption.sample(thread.now, thread.ran), std::nullopt);
  EXPECT_EQ(thread.preemption.next_sample_at(), thread.now + WakePreemption::interval);
  // Twice at one time: nothing has passed to have a share of.
  EXPECT_EQ(thread.preemption.sample(thread.now, thread.ran + WakePreemption::interval),
            std::nullopt);
}

}  // namespace
}  // namespace holdfast::node
