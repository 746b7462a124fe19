// SPDX-License-Identifier: Apache-2.0
#include "table/table.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "value/hash.h"
#include "value/set.h"

namespace holdfast {
namespace {

constexpr KeyspaceId keyspace{7};
const Instant start = instant_from_ms(1'000'000);

std::string text_of(const Value& value) {
  IntegerText room;
  return std::string(value.text(room));
}

Status checkpoint(Table& table, Store& store, bool committed = true) {
  CheckpointRows rows;
  table.begin_checkpoint();
  while (!table.checkpoint_slice(rows, 10)) {
  }
  Status status = committed ? store.commit(std::move(rows)) : Status();
  table.end_checkpoint(committed);
  return status;
}

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
}

/// What a table is compared with.
struct Model {
  struct Kept {
    std::string text;
    std::uint64_t version = 0;
    std::optional<std::int64_t> expiry;
    bool operator==(const Kept&) const = default;
  };
  std::map<std::string, Kept> keys;
};

std::map<std::string, std::string> seen_by_walks(Table& table, Instant now, std::size_t step) {
  std::map<std::string, std::string> seen;
  std::uint64_t cursor = 0;
  do {
    cursor = table.scan(cursor, step, now, [&](std::string_view key, const Value& value) {
      EXPECT_TRUE(seen.emplace(key, text_of(value)).second) << "met twice: " << key;
    });
  } while (cursor != 0);
  return seen;
}

void compare(Table& table, const Model& model, Instant now) {
  std::map<std::string, std::string> live;
  for (const auto& [key, kept] : model.keys) {
    const auto found = table.read(key, now);
    if (kept.expiry && *kept.expiry <= to_ms(now)) {
      RC_ASSERT(found.value == nullptr);
      continue;
    }
    live.emplace(key, kept.text);
    RC_ASSERT(found.value != nullptr);
    RC_ASSERT(text_of(*found.value) == kept.text);
    RC_ASSERT(found.version == kept.version);
  }
  std::map<std::string, std::string> walked;
  table.for_each(
      now, [&](std::string_view key, const Value& value) { walked.emplace(key, text_of(value)); });
  RC_ASSERT(walked == live);
  RC_ASSERT(seen_by_walks(table, now, 3) == live);
}

// Random changes, checkpoints in slices with changes between them, failed
// commits, evictions and restarts: after each restart the table must be what
// the model was when the last good checkpoint began, before that what it is.
RC_GTEST_PROP(Table, IsTheModelThroughCheckpointsEvictionsAndRestarts, (std::uint32_t seed)) {
  std::mt19937 random(seed);
  const auto draw = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  const auto store = make_memory_store();
  auto table = std::make_unique<Table>(keyspace, *store);
  Model model;
  Model committed;
  Model frozen;
  bool checkpointing = false;
  CheckpointRows rows;
  std::uint64_t version = 0;
  Instant now = start;
  for (int step = 0; step < 400; ++step) {
    const std::string key = "key" + std::to_string(draw(40));
    table->set_version(++version);
    switch (draw(14)) {
      case 0:
      case 1:
      case 2: {
        const std::string text = std::to_string(random());
        const bool there = model.keys.contains(key);
        table->put(key, Value::string(text));
        Model::Kept& kept = model.keys[key];
        kept.text = text;
        kept.version = version;
        if (!there) kept.expiry.reset();
        break;
      }
      case 3:
      case 4: {
        Value* value = table->change(key, now);
        const auto found = model.keys.find(key);
        const bool live = found != model.keys.end() &&
                          !(found->second.expiry && *found->second.expiry <= to_ms(now));
        RC_ASSERT((value != nullptr) == live);
        if (!live) {
          if (found != model.keys.end()) model.keys.erase(found);
          break;
        }
        *value = Value::string("changed" + std::to_string(step));
        found->second.text = "changed" + std::to_string(step);
        found->second.version = version;
        break;
      }
      case 5:
      case 6:
        RC_ASSERT(table->erase(key) == (model.keys.erase(key) > 0));
        break;
      case 7: {
        const auto found = model.keys.find(key);
        if (found == model.keys.end()) break;
        if (draw(3) == 0) {
          if (found->second.expiry) found->second.version = version;
          table->set_expiry(key, std::nullopt);
          found->second.expiry.reset();
        } else {
          const Instant at = now + Millis(draw(50));
          table->set_expiry(key, at);
          found->second.expiry = to_ms(at);
          found->second.version = version;
        }
        break;
      }
      case 8:
        now += Millis(draw(10));
        break;
      case 9: {
        const std::size_t max = draw(5);
        std::size_t erased = 0;
        table->expire(now, max, [&](std::string_view gone) {
          ++erased;
          const auto found = model.keys.find(std::string(gone));
          RC_ASSERT(found != model.keys.end());
          RC_ASSERT(found->second.expiry && *found->second.expiry <= to_ms(now));
          model.keys.erase(found);
        });
        RC_ASSERT(erased <= max);
        break;
      }
      case 10:
        if (!checkpointing) {
          rows = CheckpointRows();
          table->begin_checkpoint();
          frozen = model;
          checkpointing = true;
        } else if (table->checkpoint_slice(rows, 1 + draw(10))) {
          const bool good = draw(3) != 0;
          if (good) {
            RC_ASSERT(store->commit(std::move(rows)).has_value());
            committed = frozen;
          }
          table->end_checkpoint(good);
          checkpointing = false;
        }
        break;
      case 11:
        table->evict(draw(3000));
        break;
      case 12:
        if (draw(6) != 0) break;
        table->clear();
        model.keys.clear();
        break;
      case 13:
        if (draw(4) != 0) break;
        table = std::make_unique<Table>(keyspace, *store);
        RC_ASSERT(table->load().has_value());
        if (draw(2) == 0) {
          std::size_t left = draw(30);
          RC_ASSERT(table->warm([&] { return left-- == 0; }).has_value());
        }
        model = committed;
        checkpointing = false;
        break;
    }
    RC_ASSERT(table->size() == model.keys.size());
    if (step % 20 == 0) compare(*table, model, now);
  }
  compare(*table, model, now);
  const std::uint64_t digest = table->digest(now);
  table->evict(1'000'000);
  RC_ASSERT(table->digest(now) == digest);
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

}  // namespace
}  // namespace holdfast
