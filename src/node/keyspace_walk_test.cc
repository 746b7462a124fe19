// SPDX-License-Identifier: Apache-2.0
#include "node/keyspace_walk.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::node {
namespace {

struct World {
  World() : store(make_memory_store()), states(catalog, *store, nullptr, 1_MiB, 1) {
    for (const char* name : {"likes", "money"}) {
      Keyspace wanted;
      wanted.name = name;
      const auto made = catalog.create(wanted);
      states.on_created(**made);
    }
  }
  Table& table(std::string_view key) { return states.find(catalog.of_key(key).id)->table; }
  void put(const std::string& key) { table(key).put(key, Value::integer(1)); }
  KeyspaceWalk walk() {
    return {catalog, states, [](const KeyspaceState&) { return Instant{}; }};
  }
  std::multiset<std::string> walked(std::size_t step, std::string_view pattern = "*") {
    std::multiset<std::string> met;
    KeyspaceWalk walker = walk();
    std::uint64_t cursor = 0;
    do {
      cursor = walker.step(cursor, step, pattern,
                           [&](std::string_view key, const Value&) { met.emplace(key); });
    } while (cursor != 0);
    return met;
  }
  std::unique_ptr<Store> store;
  Catalog catalog;
  KeyspaceStates states;
};

TEST(KeyspaceWalk, MeetsEveryKeyOfEveryKeyspaceOnceWhateverTheStep) {
  World world;
  std::multiset<std::string> all;
  for (const char* prefix : {"plain", "likes:", "money:", "undeclared:"}) {
    for (int i = 0; i < 100; ++i) {
      world.put(prefix + std::to_string(i));
      all.insert(prefix + std::to_string(i));
    }
  }
  for (const std::size_t step : {1, 7, 100, 1000}) EXPECT_EQ(world.walked(step), all) << step;
}

// Clients that read it as a double must send back what they were given.
TEST(KeyspaceWalk, CursorsAreExactAsDoubles) {
  World world;
  for (int i = 0; i < 200; ++i) world.put("money:" + std::to_string(i));
  KeyspaceWalk walker = world.walk();
  std::size_t met = 0;
  std::uint64_t cursor = 0;
  do {
    cursor = walker.step(cursor, 1, "*", [&](std::string_view, const Value&) { ++met; });
    EXPECT_LT(cursor, std::uint64_t{1} << 53);
  } while (cursor != 0);
  EXPECT_EQ(met, 200u);
}

TEST(KeyspaceWalk, EndsAtOnceWhereThereIsNothing) {
  World world;
  EXPECT_TRUE(world.walked(10).empty());
}

TEST(KeyspaceWalk, APatternThatNamesAKeyspaceIsConfinedToIt) {
  World world;
  world.put("likes:1");
  world.put("money:1");
  world.put("undeclared:1");
  EXPECT_EQ(world.walked(1, "likes:*"), (std::multiset<std::string>{"likes:1"}));
  EXPECT_EQ(world.walked(1, "undeclared:*"), (std::multiset<std::string>{"undeclared:1"}));
  EXPECT_EQ(world.walked(1, "l*").size(), 3u) << "the caller matches; this names no keyspace";
}

TEST(KeyspaceWalk, WhatIsNotShownIsNotMet) {
  World world;
  for (int i = 0; i < 20; ++i) {
    for (const char* prefix : {"plain", "likes:", "money:"}) world.put(prefix + std::to_string(i));
  }
  const KeyspaceId likes = world.catalog.find("likes")->id;
  KeyspaceWalk walker{world.catalog, world.states, [](const KeyspaceState&) { return Instant{}; },
                      [&](const KeyspaceState& state) { return state.id != likes; }};
  std::size_t met = 0;
  const auto count = [&](std::string_view key, const Value&) {
    EXPECT_FALSE(key.starts_with("likes:"));
    ++met;
  };
  walker.all("*", count);
  EXPECT_EQ(met, 40u);
  walker.all("likes:*", count);
  EXPECT_EQ(met, 40u);
  for (std::uint64_t cursor = 0;;) {
    cursor = walker.step(cursor, 3, "*", count);
    if (cursor == 0) break;
  }
  EXPECT_EQ(met, 80u);
  EXPECT_EQ(walker.step(0, 3, "likes:*", count), 0u);
  EXPECT_EQ(met, 80u);
}

TEST(KeyspaceWalk, GoesOnBehindAKeyspaceThatWasDroppedMeanwhile) {
  World world;
  for (int i = 0; i < 50; ++i) world.put("likes:" + std::to_string(i));
  world.put("money:1");
  KeyspaceWalk walker = world.walk();
  std::uint64_t cursor = walker.step(0, 5, "*", [](std::string_view, const Value&) {});
  ASSERT_NE(cursor, 0u);
  const auto dropped = world.catalog.drop("likes");
  world.states.on_dropped(**dropped);
  std::set<std::string> met;
  while (cursor != 0) {
    cursor =
        walker.step(cursor, 5, "*", [&](std::string_view key, const Value&) { met.emplace(key); });
  }
  EXPECT_EQ(met, (std::set<std::string>{"money:1"}));
}

}  // namespace
}  // namespace holdfast::node
