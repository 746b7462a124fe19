// SPDX-License-Identifier: Apache-2.0
// The log's own threads beside its owner's, on a disk that a test can stop.
#include <gtest/gtest.h>

#include <random>

#include "log/embedded_log.h"
#include "log/fault_file_system.h"
#include "log/test_support.h"

namespace holdfast {
namespace {

using log_test::entries_of;
using log_test::payload_of;
using log_test::Recorder;
using log_test::Turns;

DiskLogOptions options(Turns& turns) {
  return {.directory = "/data/log",
          .segment_bytes = 16_KiB,
          .segment_bytes_first = 16_KiB,
          .sync_interval = Millis(3'600'000),
          .wake = turns.wake()};
}

TEST(LogThreads, AppendsDuringASyncAreTheNextOnes) {
  FaultFileSystem files;
  Turns turns;
  auto log = open_embedded_log(files, options(turns));
  ASSERT_TRUE(log);
  Recorder recorder;
  ASSERT_TRUE((*log)->follow({}, {}, recorder));
  files.hold_syncs();
  ASSERT_TRUE((*log)->append("1", 1, Durability::always));
  files.await_held_sync();
  for (std::uint64_t token = 2; token <= 10; ++token) {
    ASSERT_TRUE((*log)->append("x", token, Durability::always));
  }
  const auto before = files.counters().syncs;  // the held one is counted
  files.release_syncs();
  turns.until([&] {
    (*log)->deliver();
    return recorder.tokens.size() == 10;
  });
  EXPECT_EQ(files.counters().syncs - before, 1u);
}

TEST(LogThreads, OnAQuickDiskAnAppendIsOnDiskWhenItReturns) {
  FaultFileSystem files;
  Turns turns;
  auto log = DiskLog::open(files, options(turns));
  ASSERT_TRUE(log);
  // Until the log has seen that its disk is quick, its thread syncs.
  bool at_once = false;
  for (int i = 0; i < 10'000 && !at_once; ++i) {
    const auto position = (*log)->append("x", Durability::always);
    ASSERT_TRUE(position);
    at_once = (*log)->synced() == *position;
    turns.until([&] { return (*log)->synced() == *position; });
  }
  EXPECT_TRUE(at_once);
  // Such a sync that fails is told as any other.
  files.fail_sync_after(0, true);
  (void)(*log)->append("y", Durability::always);
  turns.until([&] { return (*log)->lost(); });
  EXPECT_FALSE((*log)->append("z", Durability::always));
}

// Much that is not on disk is not left there until the interval is over: the kernel would hold up
// whoever writes.
TEST(LogThreads, MuchThatIsUnsyncedIsSyncedBeforeItsTime) {
  FaultFileSystem files;
  Turns turns;
  DiskLogOptions large = options(turns);
  large.segment_bytes = large.segment_bytes_first = 4_MiB;
  auto log = DiskLog::open(files, large);
  ASSERT_TRUE(log);
  ASSERT_TRUE((*log)->append("little", Durability::everysec));
  const Position little = (*log)->last();
  for (int i = 0; i < 9; ++i)
    ASSERT_TRUE((*log)->append(std::string(1_MiB, 'x'), Durability::everysec));
  turns.until([&] { return (*log)->synced() > little; });
}

TEST(LogThreads, RoomThatReturnsIsFoundAndTold) {
  FaultFileSystem files;
  Turns turns;
  auto log = DiskLog::open(files, options(turns));
  ASSERT_TRUE(log);
  files.set_capacity(20_KiB);
  while ((*log)->append(payload_of(1, 200), Durability::everysec)) {
  }
  ASSERT_FALSE((*log)->health());
  files.set_capacity(1_MiB);
  turns.until([&] { return (*log)->health().has_value(); });
  EXPECT_TRUE((*log)->append(payload_of(1, 200), Durability::everysec));
}

TEST(LogThreads, AFailedSyncIsTold) {
  FaultFileSystem files;
  Turns turns;
  auto log = open_embedded_log(files, options(turns));
  ASSERT_TRUE(log);
  Recorder recorder;
  ASSERT_TRUE((*log)->follow({}, {}, recorder));
  files.fail_sync_after(0);
  ASSERT_TRUE((*log)->append("x", 1, Durability::always));
  turns.until([&] {
    (*log)->deliver();
    return !recorder.failures.empty();
  });
  EXPECT_EQ(recorder.failures[0].second, Code::unknown);
  EXPECT_FALSE((*log)->writable());
}

// No positions are checked against a schedule here: whatever the threads did,
// what synced() said is there after the power went.
TEST(LogThreads, WhatSyncedSaidSurvivesAPowerCutAtAnyMoment) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    FaultFileSystem files(seed);
    Turns turns;
    DiskLogOptions with = options(turns);
    with.sync_interval = Millis(0);
    std::uint64_t synced = 0, appended = 0;
    {
      auto log = DiskLog::open(files, with);
      ASSERT_TRUE(log);
      if (random() % 2 == 0) files.lose_power_after(random() % 300);
      const std::uint64_t count = random() % 200;
      for (std::uint64_t i = 1; i <= count; ++i) {
        const auto durability = random() % 2 == 0 ? Durability::always : Durability::everysec;
        if (!(*log)->append(payload_of(i, 200), durability)) break;
        appended = i;
        if (random() % 50 == 0) {
          turns.until([&] { return (*log)->synced().value == i || !(*log)->health(); });
        }
        if (random() % 50 == 0) (*log)->trim({random() % i});
      }
      synced = (*log)->synced().value;
      files.power_cut();
    }
    const auto log = DiskLog::open(files, with);
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_GE((*log)->last().value, synced);
    EXPECT_LE((*log)->last().value, appended + 1);  // a refused one that could not be undone
    const auto found = entries_of(**log, {(*log)->first().value - 1});
    ASSERT_TRUE(found);
    for (const auto& entry : *found) {
      EXPECT_EQ(entry.payload, payload_of(entry.position, 200));
    }
  }
}

}  // namespace
}  // namespace holdfast
