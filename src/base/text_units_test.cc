// SPDX-License-Identifier: Apache-2.0
#include "base/text_units.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(TextUnits, DurationsNeedAWholeNumberAndAKnownUnit) {
  EXPECT_EQ(parse_duration("500ms"), Millis(500));
  EXPECT_EQ(parse_duration("72h"), Millis(259'200'000));
  EXPECT_EQ(parse_duration("7D"), Millis(604'800'000));
  for (const char* bad : {"", "5", "s", "1.5h", "-1s", "5 s", "1h30m", "99999999999d", "0x5s"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

TEST(TextUnits, ADurationIsPrintedInTheLargestUnitThatSaysItExactly) {
  EXPECT_EQ(format_duration(Millis(0)), "0ms");
  EXPECT_EQ(format_duration(Millis(1'500)), "1500ms");
  EXPECT_EQ(format_duration(Millis(90'000)), "90s");
  EXPECT_EQ(format_duration(Millis(259'200'000)), "3d");
}

TEST(TextUnits, SizesAreReadAsRedisReadsThem) {
  EXPECT_EQ(parse_bytes("1048576"), 1'048'576u);
  EXPECT_EQ(parse_bytes("512MB"), 512_MiB);
  EXPECT_EQ(parse_bytes("2g"), 2'000'000'000u);
  for (const char* bad :
       {"", "mb", "1.5gb", "-1", "1 gb", "99999999999999999999", "17179869184gb"}) {
    EXPECT_EQ(parse_bytes(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace holdfast
