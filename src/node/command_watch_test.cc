// SPDX-License-Identifier: Apache-2.0
#include "node/command_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/command_table.h"

namespace holdfast::node {
namespace {

using testing::ElementsAre;

struct World {
  World() { watch.slow().set_slower_than(std::chrono::milliseconds(10)); }

  const Row& row(std::string_view name) const { return *table->find(name); }
  /// Runs a command for so long; whether it was timed.
  bool run(std::string_view name, Millis took) {
    const std::string_view args[] = {name, "key"};
    const bool times = watch.times(row(name));
    const Monotonic began = now;
    now += took;
    if (times) watch.ran(row(name), args, {}, {1, 1}, began);
    return times;
  }
  void turn(auto commands) {
    const Monotonic began = now;
    commands();
    watch.turn_ended(began);
  }
  std::vector<std::string> kept() {
    std::vector<std::string> names;
    for (const auto& entry : watch.slow().entries()) names.push_back(entry.command[0]);
    return names;
  }

  std::unique_ptr<CommandTable> table = make_command_table();
  Monotonic now{std::chrono::hours(1)};
  CommandWatch watch{[this] { return now; }, [] { return instant_from_ms(5); },
                     [](Ticket) { return std::pair<std::string, std::string>("host:1", "me"); }};
};

TEST(CommandWatch, WhatMayBeLongIsTimedByItselfAndWhatIsNotCostsNoClock) {
  World world;
  world.turn([&] {
    EXPECT_TRUE(world.run("SMEMBERS", Millis(30)));
    EXPECT_TRUE(world.run("FCALL", Millis(1)));
    EXPECT_FALSE(world.run("GET", Millis(0)));
    EXPECT_FALSE(world.run("INCR", Millis(0)));
  });
  EXPECT_THAT(world.kept(), ElementsAre("SMEMBERS"));
  EXPECT_EQ(world.watch.slow().entries().front().client, "host:1");
  EXPECT_EQ(world.watch.slow().entries().front().client_name, "me");
}

TEST(CommandWatch, WhoWantsToSeeQuickOnesSeesAll) {
  World world;
  world.watch.slow().set_slower_than(Millis(0));
  world.turn([&] {
    EXPECT_TRUE(world.run("GET", Millis(0)));
    EXPECT_TRUE(world.run("INCR", Millis(0)));
  });
  EXPECT_THAT(world.kept(), ElementsAre("INCR", "GET"));
}

TEST(CommandWatch, ALongTurnThatNothingExplainsIsLookedAtCloser) {
  World world;
  world.turn([&] { EXPECT_FALSE(world.run("GET", Millis(30))); });
  EXPECT_THAT(world.kept(), ElementsAre());
  world.turn([&] {
    EXPECT_TRUE(world.run("GET", Millis(30)));
    EXPECT_TRUE(world.run("INCR", Millis(1)));
  });
  EXPECT_THAT(world.kept(), ElementsAre("GET"));
  world.now += std::chrono::seconds(11);
  world.turn([] {});
  EXPECT_FALSE(world.watch.times(world.row("GET")));
}

// On a machine that is too busy every turn is long: commands must not all be timed because of it.
TEST(CommandWatch, ALookThatFindsNothingIsNotSoonFollowedByAnother) {
  World world;
  int timed = 0;
  for (int turn = 0; turn < 1'000; ++turn) {
    world.turn([&] {
      timed += world.run("GET", Millis(0)) ? 1 : 0;
      world.now += Millis(30);  // something else
    });
  }
  EXPECT_GT(timed, 0);
  EXPECT_LT(timed, 100);
}

TEST(CommandWatch, ALongTurnThatIsExplainedIsNot) {
  World world;
  world.turn([&] { world.run("SMEMBERS", Millis(30)); });
  EXPECT_FALSE(world.watch.times(world.row("GET")));
}

// A command of the log has run before anybody knows here who waits for it.
TEST(CommandWatch, WhatTheLogAppliesGetsItsClientWithItsReply) {
  World world;
  const std::string_view args[] = {"SUNIONSTORE", "a", "b"};
  world.turn([&] { world.run("GET", Millis(30)); });
  ASSERT_TRUE(world.watch.begins(world.row("SUNIONSTORE")));
  world.now += Millis(20);
  world.watch.ended(world.row("SUNIONSTORE"), args, {});
  EXPECT_EQ(world.watch.slow().entries().front().client, "");
  world.watch.replied({7, 1});
  EXPECT_EQ(world.watch.slow().entries().front().client, "host:1");
  EXPECT_EQ(world.watch.slow().entries().front().took, Millis(20));
}

TEST(CommandWatch, SwitchedOffNothingIsTimed) {
  World world;
  world.watch.slow().set_slower_than(std::chrono::microseconds(-1));
  world.turn([&] { EXPECT_FALSE(world.run("SMEMBERS", Millis(30))); });
  EXPECT_FALSE(world.watch.times(world.row("SMEMBERS")));
}

}  // namespace
}  // namespace holdfast::node
