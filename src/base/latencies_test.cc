// SPDX-License-Identifier: Apache-2.0
// Protects: the percentiles that load, the lab and the benchmarks tell.
#include "base/latencies.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast {
namespace {

TEST(Latencies, QuantilesAreWithinAThirtySecondPart) {
  Latencies latencies;
  EXPECT_EQ(latencies.quantile(0.5).count(), 0);
  for (int us = 1; us <= 100'000; ++us) latencies.record(std::chrono::microseconds(us));
  for (const double q : {0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = q * 100'000;
    const auto found = static_cast<double>(latencies.quantile(q).count());
    EXPECT_GE(found, exact) << q;
    EXPECT_LE(found, exact * (1 + 1.0 / 32) + 1) << q;
  }
}

RC_GTEST_PROP(Latencies, TheGreatestIsNeverUnderstatedAndLittleOver, ()) {
  const auto us = *rc::gen::inRange<std::int64_t>(0, 3'600'000'000);
  Latencies latencies;
  latencies.record(std::chrono::microseconds(us));
  const std::int64_t found = latencies.quantile(1).count();
  RC_ASSERT(found >= us);
  RC_ASSERT(found <= us + us / 32 + 1);
}

TEST(Latencies, ArePrecise) {
  Latencies all;
  EXPECT_EQ(all.quantile(0.5).count(), 0);
  for (int i = 1; i <= 1'000; ++i) all.record(std::chrono::microseconds(i * 100));
  EXPECT_NEAR(static_cast<double>(all.quantile(0.5).count()), 50'000, 5'000);
  EXPECT_NEAR(static_cast<double>(all.quantile(0.99).count()), 99'000, 9'900);
  all.record(std::chrono::hours(1));
  EXPECT_GT(all.quantile(1), std::chrono::minutes(1));
}

TEST(Latencies, OfAWhileAreTheDifferenceOfTwoMoments) {
  Latencies all;
  all.record(std::chrono::seconds(1), 100);
  const Latencies before = all;
  all.record(std::chrono::milliseconds(1), 3);
  const Latencies meanwhile = all.since(before);
  EXPECT_EQ(meanwhile.count(), 3U);
  EXPECT_LT(meanwhile.quantile(1), std::chrono::milliseconds(2));
  Latencies sum = before;
  sum += meanwhile;
  EXPECT_EQ(sum.count(), all.count());
  EXPECT_EQ(sum.quantile(0.5), all.quantile(0.5));
}

}  // namespace
}  // namespace holdfast
