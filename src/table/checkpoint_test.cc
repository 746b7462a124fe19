// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>

#include "base/wire.h"
#include "table/slot.h"
#include "table/table.h"
#include "table/test_table.h"
#include "value/list.h"
#include "value/set.h"

namespace holdfast {
namespace {

constexpr KeyspaceId keyspace{7};
const Instant start = instant_from_ms(1'000'000);

using Rows = std::map<std::string, std::string>;

/// What a checkpoint puts; what it erases has the value "erased".
Rows rows_of(CheckpointRows& rows) {
  Rows found;
  for (const CheckpointRows::Row& row : rows.rows(Family::table)) {
    EXPECT_TRUE(found.emplace(row.key, row.value.value_or("erased")).second)
        << "twice: " << row.key;
  }
  return found;
}

Rows next_checkpoint(Table& table, Store& store) {
  CheckpointRows rows;
  table.begin_checkpoint();
  while (!table.checkpoint_slice(rows, 1)) {
  }
  Rows found = rows_of(rows);
  EXPECT_TRUE(store.commit(std::move(rows)));
  table.end_checkpoint(true);
  return found;
}

std::string bytes(std::initializer_list<int> list) {
  std::string text;
  for (const int byte : list) text.push_back(static_cast<char>(byte));
  return text;
}

std::string big_endian(std::uint64_t number) {
  std::string text;
  for (int shift = 56; shift >= 0; shift -= 8) text.push_back(static_cast<char>(number >> shift));
  return text;
}

TEST(CheckpointFormat, IsAsItsPageSays) {  // docs/formats/checkpoint.md
  const auto store = make_memory_store();
  Table table(KeyspaceId{0x01020304}, *store);
  table.set_version(300);
  table.put("name", Value::string("hi"));
  table.put("n", Value::integer(-1));
  table.set_expiry("n", instant_from_ms(1'000));
  const std::string keyspace_bytes = bytes({1, 2, 3, 4});
  const std::string name_row =
      keyspace_bytes + bytes({2}) + big_endian(0x0c354ecdc24a77d5) + "name";
  const std::string n_row = keyspace_bytes + bytes({2}) + big_endian(0xcbaa0f6724ae8b0a) + "n";
  const std::string expiry_row = keyspace_bytes + bytes({1}) + "n";
  const std::string count_row = keyspace_bytes + bytes({0});
  EXPECT_EQ(next_checkpoint(table, *store),
            (Rows{{count_row, bytes({2})},
                  {expiry_row, bytes({0xD0, 0x0F})},
                  {n_row, bytes({0xAC, 0x02, 0x04, 0x01})},
                  {name_row, bytes({0xAC, 0x02, 0x01, 2, 'h', 'i'})}}));
  table.set_expiry("n", std::nullopt);
  table.erase("name");
  EXPECT_EQ(next_checkpoint(table, *store), (Rows{{count_row, bytes({1})},
                                                  {expiry_row, "erased"},
                                                  {n_row, bytes({0xAC, 0x02, 0x04, 0x01})},
                                                  {name_row, "erased"}}));
  EXPECT_EQ(keyspace_row_prefix(KeyspaceId{0x01020304}), keyspace_bytes);
}

std::string value_row(std::string_view key) {
  return bytes({0, 0, 0, 7, 2}) + big_endian(table::hash_of(key)) + std::string(key);
}

// Of nodes of before: a large list lies in one row. It is read, and in pieces once it has changed.
TEST(Checkpoint, AListThatIsStoredInOneRowIsReadAndInPiecesOnceItChanges) {
  const auto store = make_memory_store();
  auto list = std::make_unique<List>();
  for (int i = 0; i < 3'000; ++i) list->push_back("item " + std::to_string(i));
  const std::size_t items = list->size();
  std::string row = bytes({1});
  encode(Value::list(std::move(list)), row);
  CheckpointRows before;
  before.put(Family::table, value_row("l"), row);
  before.put(Family::table, bytes({0, 0, 0, 7, 0}), bytes({1}));
  ASSERT_TRUE(store->commit(std::move(before)));

  Table table(keyspace, *store);
  ASSERT_TRUE(table.load());
  ASSERT_EQ(table.find("l", start)->as_list().size(), items);
  EXPECT_EQ(next_checkpoint(table, *store).size(), 1u) << "the count alone: it has not changed";
  table.change("l", start)->as_list().push_back("one more");
  const Rows rows = next_checkpoint(table, *store);
  EXPECT_EQ(rows.at(value_row("l")).substr(0, 3), bytes({0, 7, 6}));
  EXPECT_GT(rows.size(), 4u) << "every piece is written once";
  table.change("l", start)->as_list().push_back("and one");
  EXPECT_EQ(next_checkpoint(table, *store).size(), 3u) << "count, head, last piece";

  Table loaded(keyspace, *store);
  ASSERT_TRUE(loaded.load());
  EXPECT_EQ(loaded.find("l", start)->as_list().size(), items + 2);
  EXPECT_EQ(loaded.digest(start), table.digest(start));
}

TEST(Checkpoint, OfAMillionItemsAfterOneChangeOfAListIsSmall) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  List& filled = table.put("l", Value::list(std::make_unique<List>())).as_list();
  for (int i = 0; i < 1'000'000; ++i) filled.push_back("item:" + std::to_string(i));
  const auto written = [&] {
    std::size_t size = 0;
    for (const auto& [key, value] : next_checkpoint(table, *store))
      size += key.size() + value.size();
    return size;
  };
  EXPECT_GT(written(), 10'000'000u);
  const auto after = [&](auto change) {
    change(table.change("l", start)->as_list());
    return written();
  };
  const std::size_t piece = 8'500;  // and its row's key, the head
  EXPECT_LE(after([](List& list) { list.push_back("x"); }), 2 * piece);
  EXPECT_LE(after([](List& list) { list.push_front("x"); }), 2 * piece);
  EXPECT_LE(after([](List& list) { list.erase(0); }), 2 * piece);
  EXPECT_LE(after([](List& list) { list.erase(list.size() - 1); }), 2 * piece);
  EXPECT_LE(after([](List& list) { list.set(500'000, "other"); }), piece);
  EXPECT_LE(after([](List& list) { list.insert(300'000, "between"); }), 2 * piece);
  EXPECT_LE(after([](List& list) { list.erase(700'000, 100); }), 2 * piece);
  EXPECT_LE(after([](List& list) { list.erase(0, 1'000); }), 2 * piece);
  const std::uint64_t digest = table.digest(start);
  Table loaded(keyspace, *store);
  ASSERT_TRUE(loaded.load());
  EXPECT_EQ(loaded.digest(start), digest);
}

TEST(Checkpoint, WritesOnlyWhatChangedSinceTheLastOne) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  for (int i = 0; i < 100; ++i) table.put("key" + std::to_string(i), Value::integer(i));
  EXPECT_EQ(next_checkpoint(table, *store).size(), 101u);
  EXPECT_EQ(next_checkpoint(table, *store).size(), 1u) << "the count";
  table.put("key3", Value::integer(-3));
  table.erase("key4");
  table.put("comes and goes", Value::integer(0));
  table.erase("comes and goes");
  EXPECT_EQ(next_checkpoint(table, *store).size(), 3u);
}

TEST(Checkpoint, IsOfTheMomentItBeganHoweverMuchChangesWhileItIsWritten) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  for (int i = 0; i < 2'000; ++i) table.put("key" + std::to_string(i), Value::integer(i));
  auto members = std::make_unique<Set>();
  members->insert("then");
  table.put("set", Value::set(std::move(members)));
  table.put("expires", Value::integer(1));
  table.set_expiry("expires", start + Millis(1));
  const std::uint64_t then = table.digest(Instant{});

  CheckpointRows rows;
  table.begin_checkpoint();
  for (int i = 0; !table.checkpoint_slice(rows, 50); ++i) {
    table.put("key" + std::to_string(i * 31 % 2'000), Value::string("later"));
    table.erase("key" + std::to_string(i * 37 % 2'000));
    table.put("new" + std::to_string(i), Value::integer(i));
    if (Value* set = table.change("set", start)) set->as_set().insert("later");
    table.expire(start + Millis(1), 1, [](std::string_view) {});
  }
  ASSERT_TRUE(store->commit(std::move(rows)));
  table.end_checkpoint(true);

  Table again(keyspace, *store);
  ASSERT_TRUE(again.load());
  EXPECT_EQ(again.size(), 2'002u);
  EXPECT_EQ(again.digest(Instant{}), then);
  const std::uint64_t now = table.digest(Instant{});
  EXPECT_NE(now, then);
  next_checkpoint(table, *store);
  Table later(keyspace, *store);
  ASSERT_TRUE(later.load());
  EXPECT_EQ(later.digest(Instant{}), now);
}

TEST(Checkpoint, IsWrittenWholeWhereTheTableIsClearedMeanwhile) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  for (int i = 0; i < 500; ++i) table.put("key" + std::to_string(i), Value::integer(i));
  const std::uint64_t then = table.digest(start);
  CheckpointRows rows;
  table.begin_checkpoint();
  EXPECT_FALSE(table.checkpoint_slice(rows, 10));
  table.clear();
  table.put("after", Value::integer(1));
  while (!table.checkpoint_slice(rows, 10)) {
  }
  ASSERT_TRUE(store->commit(std::move(rows)));
  table.end_checkpoint(true);
  Table again(keyspace, *store);
  ASSERT_TRUE(again.load());
  EXPECT_EQ(again.digest(start), then);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.find("key1", start), nullptr);
  next_checkpoint(table, *store);
  Table later(keyspace, *store);
  ASSERT_TRUE(later.load());
  EXPECT_EQ(later.size(), 1u);
  EXPECT_EQ(later.digest(start), table.digest(start));
}

TEST(Checkpoint, WhatAFailedOneDidNotWriteTheNextOneWrites) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  table.put("stays", Value::integer(1));
  table.put("goes", Value::integer(2));
  ASSERT_TRUE(checkpoint(table, *store));
  table.put("stays", Value::integer(3));
  table.erase("goes");
  table.put("comes", Value::integer(4));
  ASSERT_TRUE(checkpoint(table, *store, false));
  table.put("goes", Value::integer(5));  // back since, and gone again
  table.erase("goes");
  ASSERT_TRUE(checkpoint(table, *store, false));
  EXPECT_EQ(table.find("goes", start), nullptr);
  ASSERT_TRUE(checkpoint(table, *store));
  Table again(keyspace, *store);
  ASSERT_TRUE(again.load());
  EXPECT_EQ(again.size(), 2u);
  EXPECT_EQ(again.find("stays", start)->as_integer(), 3);
  EXPECT_EQ(again.find("comes", start)->as_integer(), 4);
  EXPECT_EQ(again.find("goes", start), nullptr);
}

TEST(Checkpoint, ErasuresAreSpreadOverItsSlices) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  for (int i = 0; i < 1'000; ++i) table.put("key" + std::to_string(i), Value::integer(i));
  ASSERT_TRUE(checkpoint(table, *store));
  for (int i = 0; i < 1'000; ++i) table.erase("key" + std::to_string(i));
  CheckpointRows rows;
  table.begin_checkpoint();
  EXPECT_FALSE(table.checkpoint_slice(rows, 100));
  EXPECT_EQ(rows.rows(Family::table).size(), 100u);
}

TEST(Checkpoint, ADamagedOneIsNotLoaded) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  for (int i = 0; i < 10; ++i) table.put("key" + std::to_string(i), Value::integer(i));
  table.set_expiry("key1", start);
  ASSERT_TRUE(checkpoint(table, *store));
  Rows all;
  ASSERT_TRUE(store->scan(Family::table, "", "", [&](std::string_view key, std::string_view value) {
    all.emplace(key, value);
    return true;
  }));
  for (const auto& [key, value] : all) {
    for (const char* damage : {"", "\xFF", "erased"}) {
      CheckpointRows rows;
      if (damage == std::string_view("erased")) {
        if (key[4] != 2) continue;  // a keyspace without a count has no checkpoint yet
        rows.erase(Family::table, key);
      } else {
        rows.put(Family::table, key, damage);
      }
      ASSERT_TRUE(store->commit(std::move(rows)));
      Table again(keyspace, *store);
      Status loaded = again.load();
      if (loaded) loaded = again.warm([] { return false; });
      ASSERT_FALSE(loaded) << testing::PrintToString(key) << " " << damage;
      EXPECT_EQ(loaded.error().code, Code::corrupt);
      CheckpointRows healed;
      healed.put(Family::table, key, value);
      ASSERT_TRUE(store->commit(std::move(healed)));
    }
  }
}

TEST(CheckpointRows, ManyRowsTakeLittleMoreThanTheirBytes) {
  CheckpointRows rows;
  const std::string value(10, 'v');
  for (int i = 0; i < 100'000; ++i) rows.put(Family::ids, "key" + std::to_string(i), value);
  rows.put(Family::ids, "large", std::string(3'000'000, 'x'));
  EXPECT_GE(rows.bytes(), 100'000u * 14 + 3'000'000);
  EXPECT_LT(rows.bytes(), 100'000u * 19 + 3'000'100);
  sort_rows(rows.rows(Family::ids));
  EXPECT_EQ(rows.rows(Family::ids).size(), 100'001u);
  EXPECT_EQ(rows.rows(Family::ids).back().value->size(), 3'000'000u);
  EXPECT_EQ(rows.rows(Family::ids).front().key, "key0");
}

}  // namespace
}  // namespace holdfast
