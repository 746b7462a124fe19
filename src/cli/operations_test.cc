// SPDX-License-Identifier: Apache-2.0
#include "cli/operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// The argument of each row's `X <argument>`, or what was wrong with the row.
std::vector<std::string> sent(std::string_view text, Operations::Options options) {
  if (options.commands.empty()) options.commands = {"{a}"};
  auto operations = Operations::open(text, options);
  if (!operations) return {"refused: " + operations.error().message};
  std::vector<std::string> all;
  while (true) {
    const auto next = operations->next();
    if (!next) {
      all.push_back(next.error().message);
    } else if (!*next) {
      EXPECT_EQ(operations->progress(), 1);
      return all;
    } else {
      const std::string& requests = (*next)->requests;
      const std::size_t begin = requests.find("\r\n", 4) + 2;
      all.push_back(requests.substr(begin, requests.size() - begin - 2));
    }
  }
}

TEST(Operations, TheFirstLineNamesTheColumns) {
  EXPECT_THAT(sent("a,b\n1,2\n3,4\n", {}), ElementsAre("1", "3"));
  EXPECT_THAT(sent("", {}), ElementsAre(HasSubstr("must name the columns")));
}

TEST(Operations, OrTheCallerDoes) {
  EXPECT_THAT(sent("1,2\n3,4\n", {.columns = {"b", "a"}}), ElementsAre("2", "4"));
}

TEST(Operations, TheWholeFileIsRepeated) {
  EXPECT_THAT(sent("a\n1\n2\n", {.repeat = 3}), ElementsAre("1", "2", "1", "2", "1", "2"));
  EXPECT_THAT(sent("a\n1\n2\n", {.commands = {"{#row}"}, .repeat = 2}),
              ElementsAre("1", "2", "1", "2"))
      << "a row has the same number every time";
}

TEST(Operations, ABadRowIsNamedAndTheOthersAreSent) {
  EXPECT_THAT(sent("a,b\n1,2\n3\n4,5,6\n7,8\n", {}),
              ElementsAre("1", "row 2: 1 fields where 2 columns are named (line 3)",
                          "row 3: 3 fields where 2 columns are named (line 4)", "7"));
  EXPECT_THAT(sent("a\n1.5\n2\n", {.commands = {"{a*1}"}}),
              ElementsAre(HasSubstr("row 1: \"1.5\""), "2"));
  EXPECT_THAT(sent("a\n1\n\"2\n", {.repeat = 2}),
              ElementsAre("1", HasSubstr("row 2: line 3"), "1", HasSubstr("row 2: line 3")));
}

TEST(Operations, OnlyRowsThatMeetEveryConditionAreSent) {
  const std::string_view text = "a,b\n1,x\n2,y\n3,x\n4,\n";
  EXPECT_THAT(sent(text, {.conditions = {"b=x"}}), ElementsAre("1", "3"));
  EXPECT_THAT(sent(text, {.conditions = {"b!=x"}}), ElementsAre("2", "4"));
  EXPECT_THAT(sent(text, {.conditions = {"b=x", "a!=1"}}), ElementsAre("3"));
  EXPECT_THAT(sent(text, {.conditions = {"b="}}), ElementsAre("4"));
  EXPECT_THAT(sent(text, {.conditions = {"c=1"}}), ElementsAre(HasSubstr("no such column")));
  EXPECT_THAT(sent(text, {.conditions = {"b"}}), ElementsAre(HasSubstr("column=value")));
}

TEST(Operations, ProgressCountsRepeats) {
  auto operations = Operations::open("1\n2\n", {.columns = {"a"}, .commands = {"X"}, .repeat = 2});
  ASSERT_TRUE(operations);
  EXPECT_EQ(operations->progress(), 0);
  ASSERT_TRUE(*operations->next());
  EXPECT_EQ(operations->progress(), 0.25);
  ASSERT_TRUE(*operations->next());
  ASSERT_TRUE(*operations->next());
  EXPECT_EQ(operations->progress(), 0.75);
}

}  // namespace
}  // namespace holdfast::cli
