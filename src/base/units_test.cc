// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Units, PositionsAreInOrder) {
  EXPECT_LT(Position{}, Position{1});
  EXPECT_EQ(Position{4}.next(), Position{5});
}

TEST(Units, InstantsAreMilliseconds) {
  EXPECT_EQ(to_ms(instant_from_ms(1'800'000'000'123)), 1'800'000'000'123);
  EXPECT_EQ(instant_from_ms(1000) + Millis(500), instant_from_ms(1500));
}

TEST(Units, SizesAreBinary) {
  EXPECT_EQ(1_KiB, 1024U);
  EXPECT_EQ(3_MiB, 3U * 1024 * 1024);
  EXPECT_EQ(8_GiB, std::uint64_t{8} << 30);
}

}  // namespace
}  // namespace holdfast
