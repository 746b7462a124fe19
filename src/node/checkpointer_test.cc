// SPDX-License-Identifier: Apache-2.0
#include "node/checkpointer.h"

#include <gtest/gtest.h>

#include "log/memory_log.h"
#include "node/command_table.h"
#include "node/real_environment.h"

namespace holdfast::node {
namespace {

/// A store whose commits can be made to fail.
class FailingStore final : public Store {
 public:
  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    return under_->get(family, key);
  }
  Status scan(Family family, std::string_view prefix, std::string_view from,
              const std::function<bool(std::string_view, std::string_view)>& each) override {
    return under_->scan(family, prefix, from, each);
  }
  Status commit(CheckpointRows rows) override {
    if (full) return fail(Code::no_space, "the disk is full");
    return under_->commit(std::move(rows));
  }
  std::uint64_t bytes_on_disk() const override { return 0; }
  std::atomic<bool> full{false};

 private:
  std::unique_ptr<Store> under_ = make_memory_store();
};

/// An origin log that only counts.
class CountingLog final : public DiskLog {
 public:
  Status replay(Position, const std::function<Status(Position, std::string_view)>&) override {
    return {};
  }
  Result<std::optional<LogEntry>> next(LogCursor&) override { return std::nullopt; }
  Result<Position> append_all(std::span<const std::string_view> payloads, Durability) override {
    return last_.value += payloads.size(), last_;
  }
  Status reserve(std::size_t) override { return {}; }
  void claim(std::size_t) override {}
  std::uint64_t id() const override { return 1; }
  Position first() const override { return trimmed.next(); }
  Position last() const override { return last_; }
  Position synced() const override { return last_; }
  Status health() const override { return {}; }
  void trim(Position up_to) override { trimmed = up_to; }
  Status start_after(Position) override { return {}; }
  std::uint64_t bytes_on_disk() const override { return 0; }
  std::uint64_t bytes_appended() const override { return 0; }
  bool closed_cleanly() const override { return true; }
  bool tail_was_cut() const override { return false; }
  bool lost() const override { return false; }
  void sync_now() override {}
  Status close() override { return {}; }
  Position trimmed;

 private:
  Position last_;
};

struct World {
  explicit World(FailingStore& the_store, bool the_replica = true)
      : store(the_store),
        commands(make_command_table()),
        states(catalog, store, nullptr, 64_MiB, 1),
        machine(*commands, states),
        replica(*commands, states, store, {.self = eventual::OriginId{1}}),
        has_replica(the_replica),
        checkpointer({.environment = *environment,
                      .store = store,
                      .catalog = catalog,
                      .keyspaces = states,
                      .machine = machine,
                      .replica = replica,
                      .log = log,
                      .origin_log = origin_log,
                      .on_durable = {},
                      .on_origin_durable = {},
                      .log_place = {},
                      .log_is_whole = [this] { return log_is_whole; },
                      .has_replica = [this] { return has_replica; }}) {
    const auto loaded = checkpointer.load();
    EXPECT_TRUE(loaded) << loaded.error().message;
    if (!loaded) return;
    origin_position = loaded->origin_position;
    found_replica = loaded->replica;
  }
  void declare(const char* name) {
    Keyspace wanted;
    wanted.name = name;
    states.on_created(**catalog.create(wanted));
  }
  Table& table(std::string_view key) { return states.find(catalog.of_key(key).id)->table; }

  FailingStore& store;
  std::unique_ptr<CommandTable> commands;
  std::unique_ptr<Environment> environment = make_real_environment();
  Catalog catalog;
  KeyspaceStates states;
  MemoryLog log;
  CountingLog origin_log;
  strong::Machine machine;
  eventual::Replica replica;
  bool has_replica;
  bool log_is_whole = true;
  Checkpointer checkpointer;
  Position origin_position;
  bool found_replica = false;
};

// Else it would take itself at the next start for one that has what its peers have.
TEST(Checkpointer, ANodeThatHasNoReplicaYetHasNoneAfterARestart) {
  FailingStore store;
  {
    World world(store, false);
    world.declare("money");
    ASSERT_TRUE(world.origin_log.append("an entry", Durability::always));
    ASSERT_TRUE(world.checkpointer.finish());
    EXPECT_EQ(world.origin_log.trimmed, Position{}) << "the checkpoint has nothing of it";
  }
  {
    World world(store);
    EXPECT_NE(world.catalog.find("money"), nullptr);
    EXPECT_FALSE(world.found_replica);
    ASSERT_TRUE(world.checkpointer.finish());
  }
  EXPECT_TRUE(World(store).found_replica);
}

// Peers get what is in the log, and would wait for the rest for ever.
TEST(Checkpointer, HoldsNothingThatTheLogLacks) {
  FailingStore store;
  {
    World world(store);
    world.declare("money");
    world.log_is_whole = false;
    EXPECT_FALSE(world.checkpointer.finish());
    world.log_is_whole = true;
    world.checkpointer.request();
    while (world.checkpointer.step()) world.log_is_whole = false;  // it fails under way
    EXPECT_TRUE(world.checkpointer.last_failed());
  }
  EXPECT_FALSE(World(store).found_replica);
}

TEST(Checkpointer, WhatItWroteIsThereAfterARestart) {
  FailingStore store;
  {
    World world(store);
    world.declare("money");
    world.table("money:anna").put("money:anna", Value::integer(100));
    ASSERT_TRUE(world.origin_log.append("entry", Durability::always));
    ASSERT_TRUE(world.checkpointer.finish());
    EXPECT_EQ(world.origin_log.trimmed, Position{1});
  }
  World world(store);
  ASSERT_NE(world.catalog.find("money"), nullptr);
  EXPECT_EQ(world.origin_position, Position{1});
  const Value* value = world.table("money:anna").find("money:anna", Instant{});
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->as_integer(), 100);
}

TEST(Checkpointer, AFullDiskLeavesTheLogsUntrimmedAndTheNextOneWritesAll) {
  FailingStore store;
  {
    World world(store);
    world.table("a").put("a", Value::integer(1));
    ASSERT_TRUE(world.origin_log.append("entry", Durability::always));
    store.full = true;
    EXPECT_FALSE(world.checkpointer.finish());
    EXPECT_TRUE(world.checkpointer.last_failed());
    EXPECT_EQ(world.origin_log.trimmed, Position{0});
    store.full = false;
    EXPECT_TRUE(world.checkpointer.finish());
    EXPECT_FALSE(world.checkpointer.last_failed());
  }
  World world(store);
  EXPECT_NE(world.table("a").find("a", Instant{}), nullptr);
}

TEST(Checkpointer, ADroppedKeyspaceIsGoneAndOneOfTheSameNameBeginsEmpty) {
  FailingStore store;
  {
    World world(store);
    world.declare("money");
    world.table("money:anna").put("money:anna", Value::integer(100));
    ASSERT_TRUE(world.checkpointer.finish());
    world.states.on_dropped(**world.catalog.drop("money"));
    world.declare("money");
    store.full = true;  // the erasure is tried again
    EXPECT_FALSE(world.checkpointer.finish());
    store.full = false;
    ASSERT_TRUE(world.checkpointer.finish());
  }
  World world(store);
  EXPECT_EQ(world.table("money:anna").size(), 0u);
  std::size_t rows = 0;
  ASSERT_TRUE(store.scan(Family::table, "", "", [&](std::string_view, std::string_view value) {
    rows += value.size() > 1;  // counts apart
    return true;
  }));
  EXPECT_EQ(rows, 0u);
}

TEST(Checkpointer, AKeyspaceDroppedWhileOneIsBeingWrittenDoesNoHarm) {
  FailingStore store;
  World world(store);
  world.declare("money");
  for (int i = 0; i < 10'000; ++i) {
    const std::string key = "money:" + std::to_string(i);
    world.table(key).put(key, Value::integer(i));
  }
  world.checkpointer.request();
  ASSERT_TRUE(world.checkpointer.step());  // frozen
  world.states.on_dropped(**world.catalog.drop("money"));
  ASSERT_TRUE(world.checkpointer.finish());
  World again(store);
  EXPECT_NE(again.catalog.find("money"), nullptr) << "it was there at that moment";
  EXPECT_EQ(again.table("money:1").size(), 10'000u);
}

}  // namespace
}  // namespace holdfast::node
