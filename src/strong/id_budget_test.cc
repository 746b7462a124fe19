// SPDX-License-Identifier: Apache-2.0
#include "strong/id_budget.h"

#include <gtest/gtest.h>

namespace holdfast::strong {
namespace {

const Instant noon = instant_from_ms(1'700'000'000'000);
constexpr Millis kept{128'000};

TEST(IdBudget, CountsAnIdUntilItsSpanHasPassedTheWindow) {
  IdBudget budget;
  budget.record(noon, 10, kept);
  EXPECT_EQ(budget.bytes(noon + kept, kept), 58);
  EXPECT_EQ(budget.bytes(noon + kept + Millis(1), kept), 0);
}

TEST(IdBudget, ASpanIsAHundredAndTwentyEighthOfTheWindow) {
  IdBudget budget;
  budget.record(noon, 0, kept);
  budget.record(noon + Millis(1'000), 0, kept);  // the first's span
  budget.record(noon + Millis(1'001), 0, kept);
  EXPECT_EQ(budget.bytes(noon + kept + Millis(1'000), kept), 144);
  EXPECT_EQ(budget.bytes(noon + kept + Millis(1'001), kept), 48);
}

TEST(IdBudget, IsTheSameAfterARestart) {
  IdBudget budget;
  for (int i = 0; i < 1'000; ++i) budget.record(noon + Millis(i * 700), 5, kept);
  std::string bytes;
  budget.encode(bytes);
  IdBudget restored;
  wire::Reader in(bytes);
  restored.decode(in);
  ASSERT_TRUE(in.ok() && in.at_end());
  std::string again;
  restored.encode(again);
  EXPECT_EQ(again, bytes);
  const Instant later = noon + Millis(750'000);
  EXPECT_EQ(restored.bytes(later, kept), budget.bytes(later, kept));
  EXPECT_LT(bytes.size(), 130 * 16);  // bounded, however many ids
}

}  // namespace
}  // namespace holdfast::strong
