// SPDX-License-Identifier: Apache-2.0
#include "table/table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "table/test_table.h"
#include "value/hash.h"
#include "value/set.h"

namespace holdfast {
namespace {

constexpr KeyspaceId keyspace{7};
const Instant start = instant_from_ms(1'000'000);

TEST(Table, AKeyIsThereUntilItsExpiryOrErasure) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  table.put("a", Value::string("x"));
  ASSERT_NE(table.find("a", start), nullptr);
  table.set_expiry("a", start + Millis(5));
  EXPECT_EQ(table.expiry("a", start), start + Millis(5));
  EXPECT_NE(table.find("a", start + Millis(4)), nullptr);
  EXPECT_EQ(table.find("a", start + Millis(5)), nullptr);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.change("a", start + Millis(5)), nullptr) << "a change erases what has expired";
  EXPECT_EQ(table.size(), 0u);
  EXPECT_FALSE(table.erase("a"));
}

TEST(Table, VersionsAreThoseOfTheLastChange) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  EXPECT_EQ(table.read("a", start).version, 0u);
  table.set_version(5);
  table.put("a", Value::integer(1));
  table.set_version(6);
  EXPECT_EQ(table.read("a", start).version, 5u);
  table.change("a", start);
  EXPECT_EQ(table.read("a", start).version, 6u);
}

TEST(Table, VersionsValuesAndExpiriesOutliveEvictionAndRestart) {
  const auto store = make_memory_store();
  {
    Table table(keyspace, *store);
    table.set_version(77);
    table.put("a", Value::string("kept"));
    table.set_expiry("a", start + Millis(50));
    ASSERT_TRUE(checkpoint(table, *store));
    EXPECT_GT(table.evict(1'000'000), 0u);
    EXPECT_EQ(table.read("a", start).version, 77u);
  }
  Table table(keyspace, *store);
  ASSERT_TRUE(table.load());
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.next_expiry(), start + Millis(50));
  const auto found = table.read("a", start);
  ASSERT_NE(found.value, nullptr);
  EXPECT_EQ(text_of(*found.value), "kept");
  EXPECT_EQ(found.version, 77u);
  EXPECT_EQ(table.find("a", start + Millis(50)), nullptr);
}

// More than one call of expire() puts in order ahead of need: none is late or early for that.
TEST(Table, ManyThatWerePutOffFromOneTimeExpireWhenTheyNowDo) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  constexpr int keys = 12'000;
  const Instant first = start + Millis(90'000);
  for (int i = 0; i < keys; ++i) {
    const std::string key = "key" + std::to_string(i);
    table.put(key, Value::integer(i));
    table.set_expiry(key, first);
    if (i % 2 == 0) table.set_expiry(key, first + Millis(i));
  }
  const auto none = [](std::string_view) {};
  for (int second = 0; second < 90; second += 45)
    EXPECT_EQ(table.expire(start + Millis(1'000 * second), keys, none), 0u);
  EXPECT_EQ(table.expire(first, keys, none), std::size_t{keys / 2 + 1});  // key0 was not put off
  EXPECT_EQ(table.expire(first + Millis(100), keys, none), 50u);
  EXPECT_EQ(table.expire(first + Millis(keys), keys, none), std::size_t{keys / 2 - 51});
}

TEST(Table, AClearedTableStaysEmptyAlsoForWhatOnlyTheStoreHas) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  table.put("old", Value::integer(1));
  ASSERT_TRUE(checkpoint(table, *store));
  table.evict(1'000'000);
  table.clear();
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.find("old", start), nullptr);
  table.put("new", Value::integer(2));
  ASSERT_TRUE(checkpoint(table, *store));
  Table again(keyspace, *store);
  ASSERT_TRUE(again.load());
  EXPECT_EQ(again.size(), 1u);
  EXPECT_EQ(again.find("old", start), nullptr);
  EXPECT_NE(again.find("new", start), nullptr);
}

TEST(Table, ADroppedKeyspacesRowsAreErasedAndItsNeighboursStay) {
  const auto store = make_memory_store();
  Table left(KeyspaceId{1}, *store);
  Table right(KeyspaceId{2}, *store);
  left.put("a", Value::integer(1));
  right.put("a", Value::integer(2));
  ASSERT_TRUE(checkpoint(left, *store));
  ASSERT_TRUE(checkpoint(right, *store));
  CheckpointRows rows;
  erase_keyspace(rows, KeyspaceId{1});
  ASSERT_TRUE(store->commit(std::move(rows)));
  Table left_again(KeyspaceId{1}, *store);
  Table right_again(KeyspaceId{2}, *store);
  ASSERT_TRUE(left_again.load());
  ASSERT_TRUE(right_again.load());
  EXPECT_EQ(left_again.size(), 0u);
  EXPECT_EQ(right_again.size(), 1u);
}

TEST(Table, TheDigestIsOfTheContentNotOfItsHistory) {
  const auto store = make_memory_store();
  Table one(keyspace, *store);
  Table other(keyspace, *store);
  const auto set_of = [](std::initializer_list<const char*> members) {
    auto set = std::make_unique<Set>();
    for (const char* member : members) set->insert(member);
    return Value::set(std::move(set));
  };
  one.put("s", set_of({"x", "y"}));
  one.put("n", Value::integer(1));
  other.put("n", Value::integer(9));
  other.put("gone", Value::integer(1));
  other.erase("gone");
  other.put("s", set_of({"y", "x"}));
  EXPECT_NE(one.digest(start), other.digest(start));
  other.put("n", Value::string("1"));
  EXPECT_EQ(one.digest(start), other.digest(start));
  other.set_expiry("n", start + Millis(9));
  EXPECT_NE(one.digest(start), other.digest(start));
  EXPECT_EQ(one.digest_of("s", start), other.digest_of("s", start));
  EXPECT_NE(one.digest_of("n", start), other.digest_of("n", start));
  EXPECT_EQ(one.digest_of("s", start) + one.digest_of("n", start), one.digest(start));
  EXPECT_EQ(one.digest_of("gone", start), 0u);
}

TEST(Table, AWalkMeetsEveryKeyThatIsThereThroughoutWhateverElseChanges) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  for (int i = 0; i < 3'000; ++i) table.put("stays" + std::to_string(i), Value::integer(i));
  ASSERT_TRUE(checkpoint(table, *store));
  table.evict(60'000);
  std::set<std::string> met;
  std::uint64_t cursor = 0;
  int round = 0;
  do {
    cursor = table.scan(cursor, 17, start,
                        [&](std::string_view key, const Value&) { met.emplace(key); });
    table.put("comes" + std::to_string(round), Value::integer(0));
    if (round > 0) table.erase("comes" + std::to_string(round - 1));
    ++round;
  } while (cursor != 0);
  for (int i = 0; i < 3'000; ++i) EXPECT_TRUE(met.contains("stays" + std::to_string(i))) << i;
}

TEST(Table, AWalkMeetsWhatLiesOnDiskOnlyBehindWhatHasExpired) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  std::set<std::string> living;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "k" + std::to_string(i);
    table.put(key, Value::integer(i));
    if (i % 4 != 0) {
      table.set_expiry(key, start);
    } else {
      living.insert(key);
    }
  }
  ASSERT_TRUE(checkpoint(table, *store));
  table.evict(100'000'000);
  std::set<std::string> met;
  std::uint64_t cursor = 0;
  do {
    cursor = table.scan(cursor, 3, start, [&](std::string_view key, const Value&) {
      EXPECT_TRUE(met.emplace(key).second);
    });
  } while (cursor != 0);
  EXPECT_EQ(met, living);
}

TEST(Table, AnAbsentKeyCostsNoReadOfTheStoreWhileEverythingIsInMemory) {
  CountingStore store;
  {
    Table table(keyspace, store);
    table.put("a", Value::integer(1));
    EXPECT_EQ(table.find("b", start), nullptr);
    ASSERT_TRUE(checkpoint(table, store));
  }
  Table table(keyspace, store);
  ASSERT_TRUE(table.load());
  ASSERT_TRUE(table.warm([] { return false; }));
  store.reads = 0;
  EXPECT_EQ(table.find("b", start), nullptr);
  EXPECT_FALSE(table.erase("b"));
  table.put("b", Value::integer(2));
  EXPECT_EQ(store.reads, 0);
  while (table.evict(1'000) > 0) {
  }
  EXPECT_NE(table.find("a", start), nullptr);
  EXPECT_EQ(store.reads, 1);
  EXPECT_EQ(table.find("c", start), nullptr);
  EXPECT_EQ(store.reads, 1) << "all that the store has is in memory again";
}

TEST(Table, WhatWasReadHoldsWhileFurtherKeysAreRead) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  for (int i = 0; i < 5'000; ++i) {
    table.put("key" + std::to_string(i), Value::string("value " + std::to_string(i)));
  }
  ASSERT_TRUE(checkpoint(table, *store));
  table.evict(100'000'000);
  std::vector<const Value*> found;
  found.reserve(5'000);
  for (int i = 0; i < 5'000; ++i) found.push_back(table.find("key" + std::to_string(i), start));
  for (int i = 0; i < 5'000; ++i) EXPECT_EQ(text_of(*found[i]), "value " + std::to_string(i));
}

TEST(Table, AnEvictionTakesFirstWhatWasNotUsedLately) {
  CountingStore store;
  {
    Table table(keyspace, store);
    for (int i = 0; i < 4'000; ++i) table.put("key" + std::to_string(i), Value::integer(i));
    ASSERT_TRUE(checkpoint(table, store));
  }
  Table table(keyspace, store);
  ASSERT_TRUE(table.load());
  ASSERT_TRUE(table.warm([] { return false; }));
  for (int i = 0; i < 4'000; i += 40) table.find("key" + std::to_string(i), start);
  const std::size_t all = table.memory_bytes();
  EXPECT_GE(table.evict(all / 2), all / 2);
  EXPECT_LE(table.memory_bytes(), all - all / 2);
  store.reads = 0;
  for (int i = 0; i < 4'000; i += 40)
    EXPECT_NE(table.find("key" + std::to_string(i), start), nullptr);
  EXPECT_EQ(store.reads, 0);
}

TEST(Table, NothingThatTheStoreLacksIsEvicted) {
  CountingStore store;
  Table table(keyspace, store);
  for (int i = 0; i < 100; ++i) table.put("key" + std::to_string(i), Value::integer(i));
  EXPECT_EQ(table.evict(1'000'000), 0u);
  ASSERT_TRUE(checkpoint(table, store, false));
  EXPECT_EQ(table.evict(1'000'000), 0u);
  ASSERT_TRUE(checkpoint(table, store));
  table.put("key5", Value::integer(-5));
  EXPECT_GT(table.evict(1'000'000), 0u);
  store.reads = 0;
  EXPECT_EQ(table.find("key5", start)->as_integer(), -5);
  EXPECT_EQ(store.reads, 0);
  EXPECT_EQ(table.find("key6", start)->as_integer(), 6);
  EXPECT_EQ(store.reads, 1);
}

TEST(Table, MemoryIsCountedAsItGrowsAndGivenBackAsItShrinks) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  EXPECT_EQ(table.memory_bytes(), 0u) << "an empty keyspace costs next to nothing";
  table.put("s", Value::set(std::make_unique<Set>()));
  const std::size_t before = table.memory_bytes();
  for (int i = 0; i < 10'000; ++i) {
    table.change("s", start)->as_set().insert("member-" + std::to_string(i));
  }
  const std::size_t full = table.memory_bytes();
  EXPECT_GT(full, before + 10'000 * 16);
  EXPECT_LT(full, before + 10'000 * 64);
  table.erase("s");
  EXPECT_LT(table.memory_bytes(), before + 2'000);
}

// It was counted as it was put: erasing it then gave back more than was ever counted.
TEST(Table, ACollectionThatIsFilledWhereItWasPutIsCountedFull) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  table.put("other", Value::integer(1));
  const std::size_t before = table.memory_bytes();
  Set& set = table.put("s", Value::set(std::make_unique<Set>())).as_set();
  for (int i = 0; i < 10'000; ++i) set.insert("member-" + std::to_string(i));
  EXPECT_GT(table.memory_bytes(), before + 10'000 * 16);
  table.erase("s");
  EXPECT_GE(table.memory_bytes(), before);
}

struct Told final : Table::Listener {
  void changed(std::string_view key) override { keys.emplace(key); }
  void cleared() override { keys.insert("(all)"); }
  std::set<std::string> take() { return std::exchange(keys, {}); }
  std::set<std::string> keys;
};

TEST(Table, AListenerHearsOfEveryKeyThatChanges) {
  using Keys = std::set<std::string>;
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  Told told;
  table.add_listener(told);
  table.put("a", Value::integer(1));
  EXPECT_EQ(told.take(), Keys{"a"});
  table.find("a", start);
  EXPECT_EQ(told.take(), Keys{}) << "a read is no change";
  table.change("a", start);
  EXPECT_EQ(told.take(), Keys{"a"});
  table.set_expiry("a", start + Millis(5));
  EXPECT_EQ(told.take(), Keys{"a"});
  table.move("a", "b");
  EXPECT_EQ(told.take(), (Keys{"a", "b"}));
  table.expire(start + Millis(5), 10, [](std::string_view) {});
  EXPECT_EQ(told.take(), Keys{"b"});
  EXPECT_FALSE(table.erase("b"));
  EXPECT_EQ(told.take(), Keys{});
  table.put("c", Value::integer(1));
  table.set_expiry("c", start);
  told.take();
  EXPECT_EQ(table.change("c", start), nullptr);
  EXPECT_EQ(told.take(), Keys{"c"}) << "it has expired just now";
  table.clear();
  EXPECT_EQ(told.take(), Keys{"(all)"});
  table.remove_listener(told);
  table.put("a", Value::integer(1));
  EXPECT_EQ(told.take(), Keys{});
}

TEST(Table, AListenerHearsNothingOfWhatIsTakenBackAndTheRestWhenItIsKept) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  table.put("a", Value::integer(1));
  table.put("b", Value::integer(1));
  Told told;
  table.add_listener(told);
  const auto change = [&] {
    table.begin_undo();
    table.change("a", start);
    table.move("b", "c");
    table.put("d", Value::integer(1));
    table.set_expiry("d", start + Millis(5));
    EXPECT_TRUE(told.keys.empty());
  };
  change();
  table.undo();
  EXPECT_TRUE(told.keys.empty());
  change();
  table.keep();
  EXPECT_EQ(told.take(), (std::set<std::string>{"a", "b", "c", "d"}));
}

}  // namespace
}  // namespace holdfast
