// SPDX-License-Identifier: Apache-2.0
#include "server/arrivals.h"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

Monotonic at(int ms) {
  return Monotonic(Millis(ms));
}

TEST(Arrivals, EachRequestIsAsOldAsItsBatch) {
  Arrivals arrivals;
  Latencies took;
  arrivals.took(16, at(0));
  arrivals.took(18, at(10));
  arrivals.gave(17, at(20), took);  // the last one is under way
  EXPECT_EQ(took.count(), 17U);
  EXPECT_GE(took.quantile(0.5), Millis(20));
  EXPECT_LT(took.quantile(0.01), Millis(11));
  EXPECT_FALSE(arrivals.are_due(17));
  arrivals.gave(18, at(110), took);
  EXPECT_EQ(took.count(), 18U);
  EXPECT_GE(took.quantile(1), Millis(100));
}

TEST(Arrivals, NothingIsCountedTwice) {
  Arrivals arrivals;
  Latencies took;
  arrivals.took(2, at(0));
  arrivals.took(2, at(5));  // bytes came that completed nothing
  arrivals.gave(2, at(7), took);
  EXPECT_FALSE(arrivals.are_due(2));
  arrivals.gave(2, at(9), took);
  EXPECT_EQ(took.count(), 2U);
  EXPECT_GE(took.quantile(0.01), Millis(7));
}

// Where nobody asks what was answered, a connection must not remember all it was asked.
TEST(Arrivals, RemembersABoundedNumberOfBatches) {
  Arrivals arrivals;
  Latencies took;
  constexpr int many = 100'000;
  for (int i = 1; i <= many; ++i) arrivals.took(static_cast<std::uint64_t>(i), at(i));
  arrivals.gave(many, at(many), took);
  EXPECT_EQ(took.count(), static_cast<std::uint64_t>(many));
}

}  // namespace
}  // namespace holdfast::server
