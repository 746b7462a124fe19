// SPDX-License-Identifier: Apache-2.0
#include "node/settings.h"

#include <gtest/gtest.h>

namespace holdfast::node {
namespace {

using Found = std::vector<std::pair<std::string, std::string>>;

TEST(Settings, ARedisParameterWithoutMeaningHereGivesBackWhatWasSet) {
  Settings settings;
  EXPECT_EQ(settings.get({"save"}), (Found{{"save", ""}}));
  ASSERT_TRUE(settings.set({{"SAVE", "3600 1"}}));
  EXPECT_EQ(settings.get({"save"}), (Found{{"save", "3600 1"}}));
}

TEST(Settings, PatternsMatchNamesOfBothKindsOnce) {
  Settings settings;
  settings.add("hz-ours", [] { return std::string("1"); });
  EXPECT_EQ(settings.get({"hz*", "hz"}), (Found{{"hz", "10"}, {"hz-ours", "1"}}));
}

TEST(Settings, AnUnknownNameIsAnError) {
  Settings settings;
  const Status set = settings.set({{"no-such", "1"}});
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, Code::err);
  EXPECT_TRUE(settings.get({"no-such"}).empty());
}

TEST(Settings, AFailingChangePutsBackTheOnesBeforeIt) {
  Settings settings;
  std::string value = "1";
  settings.add(
      "ours", [&] { return value; },
      [&](std::string_view text) -> Status {
        value = text;
        return {};
      });
  settings.add("fixed", [] { return std::string("x"); });
  EXPECT_FALSE(settings.set({{"ours", "2"}, {"save", "9 9"}, {"fixed", "y"}}));
  EXPECT_EQ(value, "1");
  EXPECT_EQ(settings.get({"save"}), (Found{{"save", ""}}));
}

TEST(Settings, OursWinsOverRedisParameterOfTheSameName) {
  Settings settings;
  settings.add("save", [] { return std::string("ours"); });
  EXPECT_EQ(settings.get({"save"}), (Found{{"save", "ours"}}));
}

}  // namespace
}  // namespace holdfast::node
