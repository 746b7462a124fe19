// SPDX-License-Identifier: Apache-2.0
// What SORT does where Redis leaves it open: redis_test.cc compares the rest.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "command/key_pattern.h"
#include "command/test_world.h"

namespace holdfast::command {
namespace {

constexpr Instant start{Millis(1'700'000'000'000)};

// The order of the elements must not hang on how the set came to be.
TEST(Sort, TiesAreInTheOrderOfTheElementsBytes) {
  std::vector<std::string> replies;
  for (const Line& added :
       {Line{"SADD", "s", "1", "2", "3", "4"}, Line{"SADD", "s", "4", "2", "1", "3"}}) {
    World world;
    world.strong(added, start);
    world.strong({"MSET", "w_1", "b", "w_2", "a", "w_3", "a", "w_4", "b"}, start);
    replies.push_back(world.strong({"SORT", "s", "BY", "w_*", "ALPHA"}, start));
    replies.push_back(world.strong({"SORT", "s", "BY", "w_*", "ALPHA", "DESC"}, start));
  }
  EXPECT_EQ(replies[0], "*4\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n1\r\n$1\r\n4\r\n");
  EXPECT_EQ(replies[1], "*4\r\n$1\r\n4\r\n$1\r\n1\r\n$1\r\n3\r\n$1\r\n2\r\n");
  EXPECT_EQ(replies[2], replies[0]);
  EXPECT_EQ(replies[3], replies[1]);
}

TEST(KeyPattern, NamesAStringAFieldOrTheElement) {
  EXPECT_EQ(KeyPattern("w_*").key_for("7"), "w_7");
  EXPECT_EQ(KeyPattern("a*b*").key_for("7"), "a7b*");
  EXPECT_EQ(KeyPattern("user:*->age").key_for("7"), "user:7");
  EXPECT_EQ(KeyPattern("user:*->age").field(), "age");
  EXPECT_EQ(KeyPattern("user:*->").key_for("7"), "user:7->");
  EXPECT_EQ(KeyPattern("a->*").key_for("7"), "a->7");
  EXPECT_TRUE(KeyPattern("#").is_element());
  EXPECT_FALSE(KeyPattern("none").names_keys());
}

// What routing asks for, so that no pattern reaches into a keyspace of another's.
TEST(KeyPattern, OfALineAreThoseOfByAndGet) {
  const Line line{"SORT", "k",      "LIMIT", "BY", "1",     "by", "a:*",
                  "GET",  "b:*->f", "GET",   "#",  "STORE", "d"};
  const std::vector<std::string_view> args(line.begin(), line.end());
  std::vector<std::string> patterns;
  const Row& row = *row_of_line(line);
  for_each_key_pattern(row, args, [&](std::string_view one) { patterns.emplace_back(one); });
  EXPECT_EQ(patterns, (std::vector<std::string>{"a:*", "b:*"}));
  EXPECT_EQ(keys_of(row, args), (std::vector<std::string_view>{"k", "d"}));
}

}  // namespace
}  // namespace holdfast::command
