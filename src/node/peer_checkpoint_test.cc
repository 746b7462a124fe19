// SPDX-License-Identifier: Apache-2.0
#include "node/peer_checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "catalog/catalog.h"
#include "node/checkpoint_keys.h"
#include "workflow/engine.h"

namespace holdfast::node {
namespace {

namespace fs = std::filesystem;

Keyspace named(std::string name, Guarantee guarantee) {
  Keyspace keyspace;
  keyspace.name = std::move(name);
  keyspace.guarantee = guarantee;
  return keyspace;
}

// A checkpoint with keyspaces money (strong, id 2) and likes (eventual, id 3),
// a row of each family in both.
struct Checkpoint {
  explicit Checkpoint(std::string_view of, bool replica = true) {
    EXPECT_TRUE(catalog.create(named("money", Guarantee::strong)));
    EXPECT_TRUE(catalog.create(named("likes", Guarantee::eventual)));
    CheckpointRows rows;
    rows.put(Family::meta, checkpoint_key::catalog, catalog.encode());
    rows.put(Family::meta, checkpoint_key::machine, of);
    rows.put(Family::meta, checkpoint_key::members, of);
    rows.put(Family::meta, checkpoint_key::log_place, of);
    if (replica) {
      rows.put(Family::meta, checkpoint_key::replica, of);
      rows.put(Family::meta, checkpoint_key::origin_position, of);
    }
    for (const std::uint32_t id : {0, 1, 2, 3}) {
      for (const Family family : {Family::table, Family::ids, Family::open})
        rows.put(family, row(id), of);
    }
    EXPECT_TRUE(store->commit(std::move(rows)));
  }
  static std::string row(std::uint32_t id) { return keyspace_row_prefix({id}) + "row"; }
  std::string get(Family family, std::string_view key) {
    return store->get(family, key).value().value_or("(none)");
  }

  Catalog catalog;
  std::unique_ptr<Store> store = make_memory_store();
};

TEST(PeerCheckpoint, HasTheStrongKeyspacesAndNothingOfAReplica) {
  Checkpoint peer("peer");
  const auto rows = StrongRows::of(peer.catalog.encode());
  ASSERT_TRUE(rows);
  for (const std::uint32_t id : {0, 1, 2}) {
    EXPECT_TRUE((*rows)(Family::table, Checkpoint::row(id)));
    EXPECT_TRUE((*rows)(Family::ids, Checkpoint::row(id)));
    EXPECT_FALSE((*rows)(Family::open, Checkpoint::row(id)));
  }
  EXPECT_FALSE((*rows)(Family::table, Checkpoint::row(3)));
  EXPECT_FALSE((*rows)(Family::ids, Checkpoint::row(3)));
  EXPECT_FALSE((*rows)(Family::table, "x"));  // no keyspace's
  EXPECT_TRUE((*rows)(Family::meta, checkpoint_key::machine));
  EXPECT_FALSE((*rows)(Family::meta, checkpoint_key::replica));
  EXPECT_FALSE((*rows)(Family::meta, checkpoint_key::origin_position));
  EXPECT_FALSE(StrongRows::of("no catalog"));
}

// A node that loaded one without them stopped at the next milestone: its state was another.
TEST(PeerCheckpoint, HasTheWorkflowsThatRunAndThoseThatHaveEnded) {
  const Checkpoint peer("peer");
  const auto rows = StrongRows::of(peer.catalog.encode());
  ASSERT_TRUE(rows);
  for (const KeyspaceId id : {workflow::current_keyspace, workflow::ended_keyspace}) {
    EXPECT_TRUE((*rows)(Family::table, Checkpoint::row(id.value)));
    EXPECT_TRUE((*rows)(Family::ids, Checkpoint::row(id.value)));
  }
}

TEST(PeerCheckpoint, KeepsWhatIsTheNodesOwn) {
  Checkpoint own("own");
  Checkpoint received("peer", false);
  ASSERT_TRUE(keep_eventual_rows(*own.store, *received.store));
  EXPECT_EQ(received.get(Family::table, Checkpoint::row(2)), "peer");
  EXPECT_EQ(received.get(Family::meta, checkpoint_key::machine), "peer");
  EXPECT_EQ(received.get(Family::table, Checkpoint::row(3)), "own");
  EXPECT_EQ(received.get(Family::ids, Checkpoint::row(3)), "own");
  EXPECT_EQ(received.get(Family::open, Checkpoint::row(3)), "own");
  EXPECT_EQ(received.get(Family::meta, checkpoint_key::replica), "own");
  EXPECT_EQ(received.get(Family::meta, checkpoint_key::origin_position), "own");
}

TEST(PeerCheckpoint, ANewNodeHasNothingToKeep) {
  const std::unique_ptr<Store> empty = make_memory_store();
  Checkpoint received("peer", false);
  ASSERT_TRUE(keep_eventual_rows(*empty, *received.store));
  EXPECT_EQ(received.get(Family::meta, checkpoint_key::replica), "(none)");
}

TEST(PeerCheckpoint, AnEventualKeyspaceThatWasDroppedMeanwhileIsNotKept) {
  Checkpoint own("own");
  Checkpoint received("peer", false);
  ASSERT_TRUE(received.catalog.drop("likes"));
  CheckpointRows rows;
  rows.put(Family::meta, checkpoint_key::catalog, received.catalog.encode());
  erase_keyspace(rows, {3});
  ASSERT_TRUE(received.store->commit(std::move(rows)));
  ASSERT_TRUE(keep_eventual_rows(*own.store, *received.store));
  EXPECT_EQ(received.get(Family::table, Checkpoint::row(3)), "(none)");
}

// Folders with a file each that says which they were.
struct Folders {
  Folders() { fs::create_directories(data); }
  ~Folders() { fs::remove_all(data); }
  void make(const std::string& folder, const std::string& what) const {
    fs::create_directories(folder);
    std::ofstream(folder + "/what") << what;
  }
  std::string in_use() const {
    std::string what;
    std::ifstream(folders.table + "/what") >> what;
    return what;
  }
  bool only_the_table() const {
    return !fs::exists(folders.incoming) && !fs::exists(folders.replaced);
  }
  const std::string data =
      fs::temp_directory_path() / ("holdfast-swap-" + std::to_string(getpid()));
  const TableFolders folders{data};
};

TEST(TableFolders, WhatWasReceivedTakesTheTablesPlace) {
  Folders world;
  world.make(world.folders.table, "old");
  world.make(world.folders.incoming, "new");
  ASSERT_TRUE(world.folders.adopt_incoming());
  EXPECT_EQ(world.in_use(), "new");
  EXPECT_TRUE(world.only_the_table());
}

TEST(TableFolders, ANewNodeHasNoTableToReplace) {
  Folders world;
  world.make(world.folders.incoming, "new");
  ASSERT_TRUE(world.folders.adopt_incoming());
  EXPECT_EQ(world.in_use(), "new");
}

TEST(TableFolders, AStartFindsOneWholeTableWhereverTheSwapWasInterrupted) {
  {
    Folders before;  // still being received
    before.make(before.folders.table, "old");
    before.make(before.folders.incoming, "half");
    ASSERT_TRUE(before.folders.settle());
    EXPECT_EQ(before.in_use(), "old");
    EXPECT_TRUE(before.only_the_table());
  }
  {
    Folders between;
    between.make(between.folders.replaced, "old");
    between.make(between.folders.incoming, "new");
    ASSERT_TRUE(between.folders.settle());
    EXPECT_EQ(between.in_use(), "new");
    EXPECT_TRUE(between.only_the_table());
  }
  {
    Folders after;
    after.make(after.folders.replaced, "old");
    after.make(after.folders.table, "new");
    ASSERT_TRUE(after.folders.settle());
    EXPECT_EQ(after.in_use(), "new");
    EXPECT_TRUE(after.only_the_table());
  }
  {
    Folders none;  // a new node's first transfer was cut off
    none.make(none.folders.incoming, "half");
    ASSERT_TRUE(none.folders.settle());
    EXPECT_TRUE(none.only_the_table());
    EXPECT_FALSE(fs::exists(none.folders.table));
  }
}

}  // namespace
}  // namespace holdfast::node
