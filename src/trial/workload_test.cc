// SPDX-License-Identifier: Apache-2.0
#include "trial/workload.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::trial {
namespace {

const std::vector<Ground> grounds{{"s", false, "s:v-"}, {"e", true, "e:v-"}};

// The checkers go by that: whoever shows a value is known to have seen its write.
TEST(Workload, NoTwoClientsWriteOneValueOrMember) {
  std::set<std::string> values;
  for (std::size_t client = 0; client < 4; ++client) {
    Workload workload(grounds, client, 7);
    for (int i = 0; i < 2'000; ++i) {
      const Step step = workload.next(std::chrono::milliseconds(i * 5));
      for (const verify::Command& command : step.commands) {
        EXPECT_TRUE(command[1].starts_with(step.eventual ? "e:v-" : "s:v-")) << command[1];
        if (command[0] == "SET" || command[0] == "SADD") {
          EXPECT_TRUE(values.insert(command[2]).second) << command[2];
        }
      }
    }
  }
  EXPECT_GT(values.size(), 1'000u);
}

TEST(Workload, ASetIsKnownByItsKey) {
  Workload workload(grounds, 0, 1);
  std::set<std::string> names;
  for (int i = 0; i < 2'000; ++i) {
    const Step step = workload.next(std::chrono::milliseconds(0));
    const verify::Command& command = step.commands.front();
    names.insert(command[0]);
    const bool of_set = command[0] == "SADD" || command[0] == "SREM" || command[0] == "SMEMBERS";
    EXPECT_EQ(step.eventual && command[1][4] == Workload::set_kind, of_set) << command[1];
  }
  for (const char* const name : {"INCRBY", "SET", "DEL", "DECRBY", "GET", "MGET", "SADD", "SREM"})
    EXPECT_TRUE(names.contains(name)) << name;
}

}  // namespace
}  // namespace holdfast::trial
