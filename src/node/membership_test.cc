// SPDX-License-Identifier: Apache-2.0
#include "node/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/memory_log.h"
#include "node/command_table.h"
#include "node/keyspace_states.h"
#include "table/store.h"

namespace holdfast::node {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct NoEntries final : LogFollower {
  void on_entry(const LogEntry&) override {}
  void on_append_failed(std::uint64_t, const Error&) override {}
};

// One node's membership; what it appends lands when the test says so.
struct World {
  explicit World(std::string id = "a")
      : membership({.id = std::move(id)}, states.members(), machine, log,
                   [this](const CatalogOperation& operation, auto done) {
                     said.push_back(operation.texts[1]);
                     waiting = {operation, std::move(done)};
                   }) {
    states.set_node({}, [this] { membership.on_changed(); });
    EXPECT_TRUE(log.follow({}, {}, entries));
  }

  // The operation under way is applied, and answered.
  std::string land() {
    auto [operation, done] = std::exchange(waiting, {});
    std::string reply;
    Reply out(reply);
    states.apply_catalog(*operation.row, operation.args(), {}, noon, out);
    done(reply);
    return reply;
  }
  void turn() {
    now += Millis(1'000);
    membership.turn(now);
  }
  std::vector<std::string> heard() { return std::exchange(said, {}); }

  const Instant noon = instant_from_ms(1'700'000'000'000);
  std::unique_ptr<CommandTable> commands = make_command_table();
  std::unique_ptr<Store> store = make_memory_store();
  Catalog catalog;
  KeyspaceStates states{catalog, *store, nullptr, 1_MiB, 1};
  strong::Machine machine{*commands, states};
  std::shared_ptr<MemoryLogStore> shared = std::make_shared<MemoryLogStore>();
  MemoryLog log{shared};
  NoEntries entries;
  std::pair<CatalogOperation, std::function<void(std::string_view)>> waiting;
  std::vector<std::string> said;
  Monotonic now{};
  Membership membership;
};

// A peer is copying the checkpoint: the log must keep what follows it until it has joined.
TEST(Membership, SaysLessThanItHasWhileAPeerCopiesACheckpoint) {
  World world;
  world.turn();
  world.land();
  world.membership.on_durable({5}, 50);
  world.membership.hold({5});
  world.turn();
  world.land();
  EXPECT_EQ(world.states.members().find("a")->durable, Position{5});
  world.heard();
  world.membership.on_durable({9}, 90);
  world.turn();
  EXPECT_THAT(world.heard(), IsEmpty());
  world.membership.release();
  world.turn();
  world.land();
  EXPECT_EQ(world.states.members().find("a")->durable, Position{9});
}

TEST(Membership, JoinsOnceThenSpeaksOnlyWhenThereIsSomethingNew) {
  World world;
  world.membership.on_durable({3}, 30);
  world.turn();
  world.turn();  // one is under way
  EXPECT_THAT(world.heard(), ElementsAre("JOIN"));
  EXPECT_EQ(world.land(), "+OK\r\n");
  EXPECT_EQ(world.states.members().find("a")->durable, Position{3});
  world.turn();
  EXPECT_THAT(world.heard(), IsEmpty());
  world.membership.on_durable({5}, 50);
  world.turn();
  EXPECT_THAT(world.heard(), ElementsAre("REPORT"));
  world.land();
  world.turn();
  EXPECT_THAT(world.heard(), IsEmpty());
  EXPECT_EQ(world.states.members().find("a")->durable, Position{5});
}

TEST(Membership, AfterARefusalItTriesAgainLater) {
  World world;
  world.turn();
  world.waiting.second("-UNAVAILABLE the log did not take it in time\r\n");
  world.membership.turn(world.now);
  EXPECT_THAT(world.heard(), ElementsAre("JOIN"));
  world.turn();
  EXPECT_THAT(world.heard(), ElementsAre("JOIN"));
}

TEST(Membership, TheOneWhoseWordAllowsItTrimsTheLog) {
  World world;
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(world.log.append("x", 1 + i, Durability::always));
  world.log.deliver();
  ASSERT_TRUE(world.states.members().join({.id = "b", .durable = {4}}, world.noon));
  world.turn();
  world.land();
  world.membership.on_durable({7}, 70);
  world.turn();
  world.land();
  EXPECT_EQ(world.shared->trimmed, Position{4});
}

TEST(Membership, WhatAPeerStillCopiesIsHeld) {
  World world;
  world.membership.on_durable({3}, 30);
  world.turn();
  world.land();
  world.membership.hold({3});
  world.membership.on_durable({7}, 70);
  world.turn();
  EXPECT_EQ(world.states.members().find("a")->durable, Position{3});
  world.membership.release();
  world.turn();
  world.land();
  EXPECT_EQ(world.states.members().find("a")->durable, Position{7});
}

TEST(Membership, StopsWhenTakenOut) {
  World world;
  world.turn();
  world.land();
  world.turn();
  EXPECT_FALSE(world.membership.stop());
  ASSERT_TRUE(world.states.members().remove("a"));
  world.membership.on_changed();
  world.turn();
  ASSERT_TRUE(world.membership.stop());
  EXPECT_FALSE(world.membership.stop()->diverged);
}

TEST(Membership, StopsForGoodWhenItsStateIsNotTheMajoritys) {
  World world;
  world.turn();
  world.land();
  Members& members = world.states.members();
  for (const char* id : {"b", "c"}) {
    ASSERT_TRUE(members.join({.id = id}, world.noon));
    ASSERT_TRUE(members.report(id, {.milestone = {7}, .digest = 1}, world.noon));
  }
  ASSERT_TRUE(members.report("a", {.milestone = {7}, .digest = 2}, world.noon));
  world.membership.on_changed();
  world.turn();
  ASSERT_TRUE(world.membership.stop());
  EXPECT_TRUE(world.membership.stop()->diverged);
}

}  // namespace
}  // namespace holdfast::node
