// SPDX-License-Identifier: Apache-2.0
#include "dedup/id_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "dedup/test_store.h"

namespace holdfast {
namespace {

constexpr KeyspaceId likes{7};
constexpr Millis hour{3'600'000};
const std::function<bool()> never = [] { return false; };

IdTable::Options options(std::size_t memory_bytes_max, Millis retain = hour) {
  return {.memory_bytes_max = memory_bytes_max, .retain = retain};
}

std::string reply_of(std::uint64_t n) {
  return ":" + std::to_string(n) + "\r\n";
}

void record_many(IdTable& ids, std::uint64_t from, std::uint64_t to, Instant now) {
  for (std::uint64_t n = from; n < to; ++n) ids.record(id_of(n), n, now, reply_of(n));
}

void expect_all(IdTable& ids, std::uint64_t from, std::uint64_t to, Instant now) {
  for (std::uint64_t n = from; n < to; ++n) {
    const auto outcome = ids.find(id_of(n), now);
    ASSERT_TRUE(outcome) << n;
    ASSERT_EQ(outcome->fingerprint, n);
    ASSERT_EQ(outcome->reply, reply_of(n));
  }
}

TEST(IdTable, GivesBackWhatWasRecorded) {
  TestStore store;
  IdTable ids(likes, store, {});
  EXPECT_FALSE(ids.find(id_of(1), at(1000)));
  ids.record(id_of(1), 99, at(1000), ":42\r\n");
  ids.record(id_of(2), 98, at(1001), "-WRONGTYPE no\r\n", true);

  const auto first = ids.find(id_of(1), at(1002));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->fingerprint, 99U);
  EXPECT_EQ(first->first_applied, at(1000));
  EXPECT_FALSE(first->voided);
  EXPECT_EQ(first->reply, ":42\r\n");
  EXPECT_TRUE(ids.find(id_of(2), at(1002))->voided);
  EXPECT_EQ(ids.size(), 2U);
}

TEST(IdTable, OneIdOfTwoCallersIsTwoIds) {
  EXPECT_NE(make_id_key(ServiceId{1}, "a"), make_id_key(ServiceId{2}, "a"));
  EXPECT_EQ(make_id_key(ServiceId{1}, "a"), make_id_key(ServiceId{1}, "a"));
}

TEST(IdTable, RepliesOfEveryLengthComeBackByteForByte) {
  TestStore store;
  IdTable ids(likes, store, {});
  std::vector<std::string> replies;
  for (const std::size_t length :
       {0, 1, 2, 59, 60, 61, 62, 63, 64, 2046, 2047, 2048, 2049, 200'000}) {
    replies.push_back(std::string(length, 'x'));
    replies.push_back(std::string(length, '\0') + "\r\n");
  }
  for (std::size_t i = 0; i < replies.size(); ++i) ids.record(id_of(i), i, at(1), replies[i]);
  const auto expect_replies = [&](IdTable& table) {
    for (std::size_t i = 0; i < replies.size(); ++i) {
      ASSERT_TRUE(table.find(id_of(i), at(2)));
      EXPECT_EQ(table.find(id_of(i), at(2))->reply, replies[i]);
    }
  };
  expect_replies(ids);
  checkpoint(ids, store);
  IdTable again(likes, store, {});
  ASSERT_TRUE(again.load());
  expect_replies(again);
  ASSERT_TRUE(again.warm(never));
  expect_replies(again);
}

TEST(IdTable, TimesFarFromTheFirstOneAreKept) {
  TestStore store;
  IdTable ids(likes, store, {.retain = Millis(std::int64_t{1} << 50)});
  const std::vector<std::int64_t> times{1'800'000'000'000, 0, 1'900'000'000'000,
                                        1'800'000'000'000 + (std::int64_t{1} << 31), 5};
  for (std::size_t i = 0; i < times.size(); ++i) ids.record(id_of(i), i, at(times[i]), "+OK\r\n");
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(ids.find(id_of(i), at(1'900'000'000'000))->first_applied, at(times[i]));
  }
}

TEST(IdTable, ForgetsToTheMillisecond) {
  TestStore store;
  IdTable ids(likes, store, options(1_MiB, Millis(1000)));
  ids.record(id_of(1), 1, at(5000), "+OK\r\n");
  EXPECT_TRUE(ids.find(id_of(1), at(5999)));
  EXPECT_FALSE(ids.find(id_of(1), at(6000)));
  EXPECT_TRUE(ids.find(id_of(1), at(5999))) << "asking forgets nothing";
  ids.expire(at(5999));
  EXPECT_TRUE(ids.find(id_of(1), at(5999)));
  ids.expire(at(6000));
  EXPECT_FALSE(ids.find(id_of(1), at(5999))) << "the horizon has passed it";
}

TEST(IdTable, WhatTheHorizonPassedStaysForgottenWhenTheWindowGrows) {
  TestStore store;
  IdTable ids(likes, store, options(1_MiB, Millis(1000)));
  ids.record(id_of(1), 1, at(5000), "+OK\r\n");
  ids.record(id_of(2), 2, at(7000), "+OK\r\n");
  ids.expire(at(6500));
  EXPECT_EQ(ids.horizon(), at(5500));
  ids.set_retain(hour);
  EXPECT_FALSE(ids.find(id_of(1), at(8000)));
  EXPECT_TRUE(ids.find(id_of(2), at(9000)));
  ids.expire(at(9000));
  EXPECT_EQ(ids.horizon(), at(5500)) << "it never goes back";
}

TEST(IdTable, AnIdUsedAgainAfterItsWindowIsRememberedAnew) {
  TestStore store;
  IdTable ids(likes, store, options(1_MiB, Millis(1000)));
  ids.record(id_of(1), 1, at(5000), ":1\r\n");
  ids.record(id_of(1), 2, at(6000), ":2\r\n");
  EXPECT_EQ(ids.find(id_of(1), at(6500))->reply, ":2\r\n");
  checkpoint(ids, store);
  IdTable again(likes, store, options(1_MiB, Millis(1000)));
  ASSERT_TRUE(again.load());
  EXPECT_EQ(again.find(id_of(1), at(6500))->reply, ":2\r\n");
}

TEST(IdTable, ReplacedByAnEarlierTryItGoesWithThat) {
  TestStore store;
  IdTable ids(likes, store, options(4_KiB, Millis(10'000)));
  ids.record(id_of(1), 1, at(9000), ":1\r\n");
  record_many(ids, 100, 400, at(9000));  // so that it is in an older generation
  checkpoint(ids, store);
  ids.replace(id_of(1), 2, at(3000), ":2\r\n");
  record_many(ids, 400, 700, at(3000));
  EXPECT_EQ(ids.find(id_of(1), at(12'999))->fingerprint, 2U);
  ids.expire(at(13'000));
  checkpoint(ids, store);
  EXPECT_FALSE(ids.find(id_of(1), at(13'000))) << "not the outcome that was replaced";
  EXPECT_TRUE(ids.find(id_of(100), at(13'000)));
}

TEST(IdTable, PastTheBudgetIdsAreOnDiskAndStillFound) {
  TestStore store;
  IdTable ids(likes, store, options(100_KiB));
  for (std::uint64_t n = 0; n < 20'000; n += 100) {
    record_many(ids, n, n + 100, at(1000));
    if (ids.wants_checkpoint()) checkpoint(ids, store);
  }
  EXPECT_LE(ids.memory_bytes(), 100_KiB);
  expect_all(ids, 0, 20'000, at(2000));
  EXPECT_GT(store.reads, 10'000U);
}

TEST(IdTable, WithoutACheckpointNothingLeavesMemory) {
  TestStore store;
  IdTable ids(likes, store, options(64_KiB));
  EXPECT_FALSE(ids.wants_checkpoint());
  record_many(ids, 0, 20'000, at(1000));
  EXPECT_GT(ids.memory_bytes(), 64_KiB);
  EXPECT_TRUE(ids.wants_checkpoint());
  expect_all(ids, 0, 20'000, at(2000));
  EXPECT_EQ(store.reads, 0U);
  checkpoint(ids, store);
  EXPECT_LE(ids.memory_bytes(), 64_KiB);
  EXPECT_FALSE(ids.wants_checkpoint());
}

TEST(IdTable, AnIdNeverSeenCostsNoDiskRead) {
  TestStore store;
  IdTable ids(likes, store, options(200_KiB));
  record_many(ids, 0, 20'000, at(1000));
  checkpoint(ids, store);
  ASSERT_LE(ids.memory_bytes(), 200_KiB);
  for (std::uint64_t n = 1'000'000; n < 1'010'000; ++n) {
    ASSERT_FALSE(ids.find(id_of(n), at(2000)));
  }
  // Each of ten generations lets one in 1,000 pass, more or less.
  EXPECT_LT(store.reads, 10'000U / 50);

  IdTable again(likes, store, options(200_KiB));
  ASSERT_TRUE(again.load());
  store.reads = 0;
  for (std::uint64_t n = 1'000'000; n < 1'010'000; ++n) {
    ASSERT_FALSE(again.find(id_of(n), at(2000)));
  }
  EXPECT_LT(store.reads, 10'000U / 50) << "nor before warm()";
}

TEST(IdTable, AFailedCommitForgetsNothing) {
  TestStore store;
  IdTable ids(likes, store, options(64_KiB));
  record_many(ids, 0, 3000, at(1000));
  CheckpointRows lost;
  ids.begin_checkpoint(lost);
  record_many(ids, 3000, 3500, at(1));
  lost.complete();
  record_many(ids, 3500, 4000, at(1));
  ids.end_checkpoint(false);
  EXPECT_TRUE(store.rows(Family::ids).empty());
  expect_all(ids, 0, 3000, at(2000));
  checkpoint(ids, store);
  IdTable again(likes, store, options(64_KiB));
  ASSERT_TRUE(again.load());
  expect_all(again, 0, 3000, at(2000));
}

TEST(IdTable, ACheckpointIsOfTheMomentItBegan) {
  TestStore store;
  IdTable ids(likes, store, {});
  record_many(ids, 0, 1000, at(1000));
  CheckpointRows rows;
  ids.begin_checkpoint(rows);
  record_many(ids, 1000, 5000, at(1000));
  ids.replace(id_of(0), 77, at(900), ":77\r\n");
  ASSERT_TRUE(store.commit(std::move(rows)));
  ids.end_checkpoint(true);

  IdTable again(likes, store, {});
  ASSERT_TRUE(again.load());
  expect_all(again, 0, 1000, at(2000));
  EXPECT_FALSE(again.find(id_of(1000), at(2000)));
  EXPECT_EQ(again.size(), 1000U);
}

TEST(IdTable, RowsAreMadeByAnotherThreadAndWithoutTheTable) {
  TestStore store;
  CheckpointRows rows;
  auto ids = std::make_unique<IdTable>(likes, store, options(64_KiB));
  record_many(*ids, 0, 1000, at(1000));
  ids->begin_checkpoint(rows);
  std::thread committer([&] { ASSERT_TRUE(store.commit(std::move(rows))); });
  record_many(*ids, 1000, 20'000, at(1000));
  ids.reset();
  committer.join();

  IdTable again(likes, store, options(64_KiB));
  ASSERT_TRUE(again.load());
  expect_all(again, 0, 1000, at(2000));
}

TEST(IdTable, WarmBringsIdsBackIntoMemory) {
  TestStore store;
  {
    IdTable ids(likes, store, {});
    record_many(ids, 0, 5000, at(1000));
    checkpoint(ids, store);
    record_many(ids, 5000, 5100, at(1000));
    checkpoint(ids, store);
  }
  IdTable ids(likes, store, {});
  ASSERT_TRUE(ids.load());
  record_many(ids, 5100, 5200, at(1000));  // the log's replay comes before or after
  int pages = 0;
  ASSERT_TRUE(ids.warm([&pages] { return ++pages == 20; }));
  ASSERT_TRUE(ids.warm(never));
  store.reads = 0;
  expect_all(ids, 0, 5200, at(2000));
  EXPECT_EQ(store.reads, 0U);
  EXPECT_FALSE(ids.find(id_of(9999), at(2000)));

  checkpoint(ids, store);
  IdTable again(likes, store, {});
  ASSERT_TRUE(again.load());
  expect_all(again, 0, 5200, at(2000));
}

TEST(IdTable, WarmStopsAtTheBudget) {
  TestStore store;
  {
    IdTable ids(likes, store, {});
    record_many(ids, 0, 20'000, at(1000));
    checkpoint(ids, store);
  }
  IdTable ids(likes, store, options(200_KiB));
  ASSERT_TRUE(ids.load());
  ASSERT_TRUE(ids.warm(never));
  EXPECT_LE(ids.memory_bytes(), 200_KiB + 64_KiB) << "memory grows by 64 KiB";
  expect_all(ids, 0, 20'000, at(2000));
  checkpoint(ids, store);
  record_many(ids, 20'000, 22'000, at(2000));
  checkpoint(ids, store);
  expect_all(ids, 0, 22'000, at(2000));
}

TEST(IdTable, RowsLeaveTheDiskOnceTheirWindowPassed) {
  TestStore store;
  IdTable ids(likes, store, options(64_KiB));
  for (int round = 0; round < 6; ++round) {
    const Instant now = at(round * hour.count());
    record_many(ids, 0, 5000, now);
    ids.expire(now);
    checkpoint(ids, store);
  }
  ids.expire(at(10 * hour.count()));
  checkpoint(ids, store);
  EXPECT_EQ(store.rows(Family::ids).size(), 1U) << "what remains describes itself";
  EXPECT_EQ(ids.total_bytes(), 0U);
  EXPECT_EQ(ids.size(), 0U);
  EXPECT_LT(ids.memory_bytes(), 1_KiB);
}

TEST(IdTable, IdsThatExpireBeforeACheckpointAreNeverWritten) {
  TestStore store;
  IdTable ids(likes, store, options(1_MiB, Millis(1000)));
  record_many(ids, 0, 1000, at(1000));
  ids.expire(at(2000));
  checkpoint(ids, store);
  EXPECT_LE(store.rows(Family::ids).size(), 1U);
}

TEST(IdTable, SmallCheckpointsDoNotPileUp) {
  TestStore store;
  IdTable ids(likes, store, {});
  for (std::uint64_t n = 0; n < 500; ++n) {
    record_many(ids, n * 10, n * 10 + 10, at(1000));
    checkpoint(ids, store);
  }
  std::size_t filters = 0;
  for (const auto& [key, value] : store.rows(Family::ids)) filters += key.size() == 15;
  EXPECT_LE(filters, 14U);
  IdTable again(likes, store, {});
  ASSERT_TRUE(again.load());
  expect_all(again, 0, 5000, at(2000));
}

TEST(IdTable, ManyRestartsDoNotPileUp) {
  TestStore store;
  for (std::uint64_t n = 0; n < 200; ++n) {
    IdTable ids(likes, store, {});
    ASSERT_TRUE(ids.load());
    ASSERT_TRUE(ids.warm(never));
    record_many(ids, n * 10, n * 10 + 10, at(1000));
    checkpoint(ids, store);
  }
  EXPECT_LT(store.rows(Family::ids).size(), 60U);
  IdTable again(likes, store, {});
  ASSERT_TRUE(again.load());
  expect_all(again, 0, 2000, at(2000));
}

TEST(IdTable, AKeyspaceWithoutIdsCostsNoRow) {
  TestStore store;
  IdTable ids(likes, store, {});
  checkpoint(ids, store);
  EXPECT_TRUE(store.rows(Family::ids).empty());
  EXPECT_LT(ids.memory_bytes(), 100U);
}

TEST(IdTable, DamagedRowsAreNoticed) {
  TestStore store;
  {
    IdTable ids(likes, store, {});
    record_many(ids, 0, 10, at(1000));
    checkpoint(ids, store);
  }
  for (auto& [key, value] : store.rows(Family::ids)) {
    for (std::size_t length = 0; length < value.size(); ++length) {
      const std::string whole = value;
      value.resize(length);
      IdTable ids(likes, store, {});
      const Status loaded = ids.load();
      const Status warmed = loaded ? ids.warm(never) : loaded;
      if (warmed) {
        // Cut between two entries: RocksDB's own checksum is for that.
        EXPECT_EQ(key.size(), 17U);
      } else {
        EXPECT_EQ(warmed.error().code, Code::corrupt);
      }
      value = whole;
    }
  }
}

TEST(IdTableDeathTest, ADiskThatCannotBeReadStopsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  TestStore store;
  IdTable ids(likes, store, options(4_KiB));
  record_many(ids, 0, 1000, at(1000));
  checkpoint(ids, store);
  store.fails = true;
  EXPECT_DEATH(ids.find(id_of(0), at(1000)), "apply an operation twice");
}

}  // namespace
}  // namespace holdfast
