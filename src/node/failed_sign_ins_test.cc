// SPDX-License-Identifier: Apache-2.0
#include "node/failed_sign_ins.h"

#include <gtest/gtest.h>

namespace holdfast::node {
namespace {

constexpr Monotonic start{std::chrono::seconds(1'000)};

TEST(FailedSignIns, ABurstIsLookedAtThenOneASecond) {
  FailedSignIns fails;
  int looked_at = 0;
  for (int i = 0; i < 1'000; ++i) {  // in ten seconds
    const Monotonic now = start + i * Millis(10);
    if (!fails.admits("10.0.0.1", now)) continue;
    ++looked_at;
    fails.failed("10.0.0.1", now);
  }
  EXPECT_GE(looked_at, 20);
  EXPECT_LE(looked_at, 31);
  EXPECT_TRUE(fails.admits("10.0.0.2", start)) << "others are not slowed";
  EXPECT_TRUE(fails.admits("10.0.0.1", start + std::chrono::seconds(60)));
}

TEST(FailedSignIns, RemembersSoManyAddresses) {
  FailedSignIns fails;
  for (std::size_t i = 0; i < 3 * FailedSignIns::addresses_max; ++i)
    fails.failed("a" + std::to_string(i), start + i * Millis(1));
  EXPECT_TRUE(fails.admits("a1", start + std::chrono::seconds(60)));
}

}  // namespace
}  // namespace holdfast::node
