// SPDX-License-Identifier: Apache-2.0
#include "table/store.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "table/test_table.h"

namespace holdfast {
namespace {

using Rows = std::map<std::string, std::string>;

Rows all(Store& store, Family family, std::string_view prefix, std::string_view from = "") {
  Rows found;
  const Status scanned =
      store.scan(family, prefix, from, [&](std::string_view key, std::string_view value) {
        found.emplace(key, value);
        return true;
      });
  EXPECT_TRUE(scanned);
  return found;
}

class BothStores : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    if (GetParam()) {
      store_.reset();
      auto opened = open_rocks_store(folder_.path + "/table");
      ASSERT_TRUE(opened) << opened.error().message;
      store_ = std::move(*opened);
    } else if (store_ == nullptr) {
      store_ = make_memory_store();
    }
  }
  Folder folder_;
  std::unique_ptr<Store> store_;
};

TEST_P(BothStores, OneCommitHoldsForAllFamiliesAndOutlivesReopening) {
  CheckpointRows rows;
  rows.put(Family::table, "b", "2");
  rows.put(Family::table, "a", "0");
  rows.put(Family::table, "a", "1");  // the later counts
  rows.put(Family::meta, "m", "");
  rows.erase(Family::ids, "never there");
  ASSERT_TRUE(store_->commit(std::move(rows)));
  reopen();
  EXPECT_EQ(store_->get(Family::table, "a").value(), "1");
  EXPECT_EQ(store_->get(Family::meta, "m").value(), "");
  EXPECT_EQ(store_->get(Family::table, "c").value(), std::nullopt);
  EXPECT_EQ(store_->get(Family::ids, "never there").value(), std::nullopt);
}

TEST_P(BothStores, AnErasedPrefixTakesOlderRowsAndLeavesThoseOfItsOwnCommit) {
  CheckpointRows first;
  for (const char* key : {"a1", "a2", "b1"}) first.put(Family::table, key, "old");
  ASSERT_TRUE(store_->commit(std::move(first)));
  CheckpointRows second;
  second.put(Family::table, "a2", "new");
  second.erase_prefix(Family::table, "a");
  ASSERT_TRUE(store_->commit(std::move(second)));
  reopen();
  EXPECT_EQ(all(*store_, Family::table, ""), (Rows{{"a2", "new"}, {"b1", "old"}}));
}

TEST_P(BothStores, RowsThatWerePutOffAreMadeByTheCommit) {
  CheckpointRows rows;
  int made = 0;
  rows.put_off(1000, [&](CheckpointRows& to) {
    to.put(Family::ids, "late", std::to_string(++made));
    to.put(Family::table, "a", "the later counts");
  });
  rows.put(Family::table, "a", "1");
  EXPECT_GE(rows.bytes(), 1000U);
  EXPECT_EQ(made, 0);
  ASSERT_TRUE(store_->commit(std::move(rows)));
  reopen();
  EXPECT_EQ(store_->get(Family::ids, "late").value(), "1");
  EXPECT_EQ(store_->get(Family::table, "a").value(), "the later counts");
}

TEST_P(BothStores, AScanStaysWithinItsPrefixAndBeginsWhereItIsTold) {
  CheckpointRows rows;
  for (const char* key : {"a", "b1", "b2", "b3", "c"}) rows.put(Family::ids, key, "x");
  rows.put(Family::ids, std::string("\xFF\xFF") + "z", "x");
  ASSERT_TRUE(store_->commit(std::move(rows)));
  EXPECT_EQ(all(*store_, Family::ids, "b").size(), 3u);
  EXPECT_EQ(all(*store_, Family::ids, "b", "b2").size(), 2u);
  EXPECT_EQ(all(*store_, Family::ids, "\xFF\xFF").size(), 1u);
}

TEST_P(BothStores, ManyCommitsLeaveWhatAPlainMapHas) {
  std::mt19937 random(1);
  Rows model;
  for (int commit = 0; commit < 40; ++commit) {
    CheckpointRows rows;
    if (random() % 8 == 0) {
      const std::string prefix = "k" + std::to_string(random() % 10);
      rows.erase_prefix(Family::table, prefix);
      std::erase_if(model, [&](const auto& row) { return row.first.starts_with(prefix); });
    }
    for (int i = 0; i < 200; ++i) {
      const std::string key = "k" + std::to_string(random() % 1'000);
      if (random() % 3 == 0) {
        rows.erase(Family::table, key);
        model.erase(key);
      } else {
        const std::string value(random() % 300, 'v');
        rows.put(Family::table, key, value);
        model[key] = value;
      }
    }
    ASSERT_TRUE(store_->commit(std::move(rows)));
  }
  EXPECT_EQ(all(*store_, Family::table, ""), model);
  reopen();
  EXPECT_EQ(all(*store_, Family::table, ""), model);
}

Rows all(StoreSnapshot& snapshot, Family family, std::string_view from = "") {
  Rows found;
  EXPECT_TRUE(snapshot.scan(family, from, [&](std::string_view key, std::string_view value) {
    found.emplace(key, value);
    return true;
  }));
  return found;
}

TEST_P(BothStores, ASnapshotStaysAsItWasWhateverIsCommittedLater) {
  CheckpointRows first;
  for (const char* key : {"a", "c", "e"}) first.put(Family::table, key, "1");
  first.put(Family::meta, "catalog", "1");
  first.put(Family::ids, "id", "1");
  ASSERT_TRUE(store_->commit(std::move(first)));
  const Rows before = all(*store_, Family::table, "");
  auto snapshot = store_->snapshot();
  ASSERT_TRUE(snapshot);

  CheckpointRows second;
  second.erase_prefix(Family::ids, "i");
  second.put(Family::table, "b", "2");  // in a gap: no row of the file it comes in was there
  second.put(Family::table, "c", "2");
  second.erase(Family::table, "e");
  second.put(Family::meta, "catalog", "2");
  ASSERT_TRUE(store_->commit(std::move(second)));
  CheckpointRows third;
  third.put(Family::table, "f", "3");
  ASSERT_TRUE(store_->commit(std::move(third)));

  EXPECT_EQ(all(**snapshot, Family::table), before);
  EXPECT_EQ((*snapshot)->get(Family::meta, "catalog").value(), "1");
  EXPECT_EQ((*snapshot)->get(Family::ids, "id").value(), "1");
  EXPECT_EQ((*snapshot)->get(Family::table, "b").value(), std::nullopt);
  EXPECT_EQ((*snapshot)->rows_estimate(), 5u);
  EXPECT_EQ(store_->get(Family::table, "c").value(), "2");
  EXPECT_EQ(store_->get(Family::ids, "id").value(), std::nullopt);
}

TEST_P(BothStores, AScanOfASnapshotGoesOnWhereItWasLeft) {
  CheckpointRows rows;
  for (int i = 100; i < 200; ++i) rows.put(Family::table, std::to_string(i), "x");
  rows.put(Family::ids, "z", "y");
  ASSERT_TRUE(store_->commit(std::move(rows)));
  auto snapshot = store_->snapshot();
  ASSERT_TRUE(snapshot);
  std::vector<std::string> seen;
  std::string next;
  for (bool more = true; more;) {
    more = false;
    int taken = 0;
    ASSERT_TRUE((*snapshot)->scan(Family::table, next, [&](std::string_view key, std::string_view) {
      if (++taken > 7) {
        next = key;
        more = true;
        return false;
      }
      seen.emplace_back(key);
      return true;
    }));
    EXPECT_EQ((*snapshot)->get(Family::ids, "z").value(), "y") << "reads in between";
    EXPECT_EQ((*snapshot)->get(Family::table, "150").value(), "x");
  }
  ASSERT_EQ(seen.size(), 100u);
  EXPECT_EQ(seen.front(), "100");
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

INSTANTIATE_TEST_SUITE_P(Store, BothStores, testing::Bool(),
                         [](const auto& which) { return which.param ? "Rocks" : "Memory"; });

}  // namespace
}  // namespace holdfast
