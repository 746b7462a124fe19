// SPDX-License-Identifier: Apache-2.0
#include "node/call_counts.h"

#include <gtest/gtest.h>

namespace holdfast::node {
namespace {

TEST(CallCounts, CountsByCallerAndFunctionWhateverOfItsNameIsSaid) {
  CallCounts calls;
  calls.called({1}, "accounts.debit", false);
  calls.called({1}, "accounts.debit", true);
  calls.refused({2}, "accounts.debit");
  calls.called({1}, "hello", false);  // of keyspace default
  calls.called({1}, "default.hello", false);
  ASSERT_EQ(calls.all().size(), 3U);
  const auto& shop = calls.all().at({{1}, "accounts.debit"});
  EXPECT_EQ(shop.calls, 2U);
  EXPECT_EQ(shop.failed, 1U);
  EXPECT_EQ(shop.refused, 0U);
  const auto& other = calls.all().at({{2}, "accounts.debit"});
  EXPECT_EQ(other.calls, 1U);
  EXPECT_EQ(other.refused, 1U);
  EXPECT_EQ((calls.all().at({{1}, "default.hello"}).calls), 2U);
}

TEST(CallCounts, AreBounded) {
  CallCounts calls;
  for (std::uint32_t caller = 1; caller <= 2 * limits::calls_counted_max; ++caller)
    calls.called({caller}, "f", false);
  EXPECT_EQ(calls.all().size(), limits::calls_counted_max);
  calls.called({1}, "f", false);
  EXPECT_EQ((calls.all().at({{1}, "default.f"}).calls), 2U);
}

}  // namespace
}  // namespace holdfast::node
