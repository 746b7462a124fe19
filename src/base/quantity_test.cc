// SPDX-License-Identifier: Apache-2.0
#include "base/quantity.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Quantity, DurationsAreANumberAndAUnit) {
  EXPECT_EQ(parse_duration("500ms"), Millis(500));
  EXPECT_EQ(parse_duration("10s"), Millis(10'000));
  EXPECT_EQ(parse_duration("30m"), Millis(1'800'000));
  EXPECT_EQ(parse_duration("72h"), Millis(259'200'000));
  EXPECT_EQ(parse_duration("7D"), Millis(604'800'000));
  EXPECT_EQ(parse_duration("0s"), Millis(0));
}

TEST(Quantity, NothingElseIsADuration) {
  for (const char* text : {"", "s", "10", "-1s", "1.5h", "1 h", "1w", "h1", "+1s", "1hh",
                           "100001d", "99999999999999999999s", "9223372036854775807d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Quantity, DurationsAreWrittenInTheLargestWholeUnit) {
  for (const char* text : {"500ms", "90s", "90m", "25h", "3d", "0s"})
    EXPECT_EQ(duration_text(*parse_duration(text)), text);
  EXPECT_EQ(duration_text(Millis(259'200'000)), "3d");
}

TEST(Quantity, SizesAreBytesOrPowersOf1024) {
  EXPECT_EQ(parse_size("0"), 0);
  EXPECT_EQ(parse_size("1000"), 1000);
  EXPECT_EQ(parse_size("7b"), 7);
  EXPECT_EQ(parse_size("1kb"), 1024);
  EXPECT_EQ(parse_size("512MB"), 512_MiB);
  EXPECT_EQ(parse_size("2gb"), 2_GiB);
  EXPECT_EQ(parse_size("1tb"), 1024_GiB);
  for (const char* text : {"", "kb", "-1", "1.5gb", "1 gb", "1pb", "9000000tb", "0x10"})
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
}

TEST(Quantity, SizesAreWrittenSoThatTheyReadBack) {
  for (const char* text : {"0", "1001", "3kb", "512mb", "2gb"})
    EXPECT_EQ(size_text(*parse_size(text)), text);
}

}  // namespace
}  // namespace holdfast
