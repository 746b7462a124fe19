// SPDX-License-Identifier: Apache-2.0
#include "strong/appenders.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace holdfast::strong {
namespace {

const Instant noon = instant_from_ms(1'700'000'000'000);
constexpr Millis week{limits::appender_kept_ms};

TEST(Appenders, AnEntryIsNewWhenItsCounterIsGreaterThanTheLast) {
  Appenders appenders;
  EXPECT_TRUE(appenders.is_new({7, 1}));
  appenders.applied({7, 3}, noon);
  EXPECT_FALSE(appenders.is_new({7, 3}));
  EXPECT_FALSE(appenders.is_new({7, 2}));
  EXPECT_TRUE(appenders.is_new({7, 4}));
  EXPECT_TRUE(appenders.is_new({8, 1}));
}

TEST(Appenders, ThoseSilentForAWeekAreForgottenOnceThereAreMany) {
  Appenders appenders;
  for (std::size_t i = 0; i < limits::appenders_kept; ++i)
    appenders.applied({i, 1}, i == 5 ? noon + Millis(1) : noon);
  EXPECT_EQ(appenders.size(), limits::appenders_kept);
  appenders.applied({1'000'000, 1}, noon + week + Millis(1));
  EXPECT_EQ(appenders.size(), 2);
  EXPECT_FALSE(appenders.is_new({5, 1}));
}

TEST(Appenders, FewAreKeptHoweverOldTheyAre) {
  Appenders appenders;
  appenders.applied({1, 1}, noon);
  appenders.applied({2, 1}, noon + 100 * week);
  EXPECT_FALSE(appenders.is_new({1, 1}));
}

TEST(Appenders, ThereAreNeverMoreThanTheLimit) {
  Appenders appenders;
  for (std::size_t i = 0; i < limits::appenders_max; ++i)
    appenders.applied({i, 1}, noon + Millis(i == 77 ? 0 : 1));
  appenders.applied({1'000'000, 1}, noon + Millis(2));
  EXPECT_EQ(appenders.size(), limits::appenders_max);
  EXPECT_TRUE(appenders.is_new({77, 1}));
}

}  // namespace
}  // namespace holdfast::strong
