// SPDX-License-Identifier: Apache-2.0
// A log that is read while it is written on.
#include "log/log_cursor.h"

#include <gtest/gtest.h>

#include <random>

#include "log/disk_log.h"
#include "log/fault_file_system.h"
#include "log/test_support.h"

namespace holdfast {
namespace {

using log_test::payload_of;

std::unique_ptr<DiskLog> open_or_die(FaultFileSystem& files) {
  auto log = DiskLog::open(files, {.directory = "/data/log",
                                   .segment_bytes = 8_KiB,
                                   .segment_bytes_first = 8_KiB,
                                   .own_threads = false,
                                   .log_id = 7});
  HF_ASSERT(log);
  return std::move(*log);
}

void append(DiskLog& log, std::size_t bytes) {
  HF_ASSERT(log.append(payload_of(log.last().value + 1, bytes), Durability::everysec));
}

// Reads what there is, and checks each entry's place and bytes; how many.
std::size_t read_on(DiskLog& log, LogCursor& cursor, std::size_t bytes,
                    std::size_t max = SIZE_MAX) {
  std::size_t count = 0;
  while (count < max) {
    const Position expected = cursor.at().next();
    const auto entry = log.next(cursor);
    HF_ASSERT(entry);
    if (!*entry) break;
    EXPECT_EQ((*entry)->position, expected);
    EXPECT_EQ((*entry)->payload, payload_of(expected.value, bytes));
    ++count;
  }
  return count;
}

TEST(LogCursor, FollowsTheLogAcrossItsFiles) {
  FaultFileSystem files;
  const auto log = open_or_die(files);
  LogCursor cursor(Position{});
  EXPECT_EQ(read_on(*log, cursor, 100), 0u);
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < round % 4; ++i) append(*log, 100);
    EXPECT_EQ(read_on(*log, cursor, 100), static_cast<std::size_t>(round % 4));
  }
  EXPECT_EQ(cursor.at(), log->last());
}

TEST(LogCursor, BeginsAnywhereAndAfterARestart) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  for (int i = 0; i < 400; ++i) append(*log, 100);
  log.reset();
  log = open_or_die(files);
  for (const std::uint64_t after : {0, 1, 57, 200, 399, 400}) {
    LogCursor cursor(Position{after});
    EXPECT_EQ(read_on(*log, cursor, 100), 400 - after);
  }
}

TEST(LogCursor, SaysThatWhatItNeedsWasTrimmed) {
  FaultFileSystem files;
  const auto log = open_or_die(files);
  LogCursor slow(Position{});
  LogCursor quick(Position{});
  for (int i = 0; i < 400; ++i) append(*log, 100);
  EXPECT_EQ(read_on(*log, slow, 100, 3), 3u);
  EXPECT_EQ(read_on(*log, quick, 100, 350), 350u);
  log->sync_now();
  log->trim(Position{350});
  ASSERT_GT(log->first(), Position{4});
  const auto gone = log->next(slow);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::unavailable);
  EXPECT_EQ(read_on(*log, quick, 100), 50u) << "trimming takes nothing that is still ahead";
}

TEST(LogCursor, WhatIsDamagedWhileItRunsIsNamedAndNotSkipped) {
  // Peers are sent what cursors read: behind a gap they would never get what lay in it.
  FaultFileSystem files;
  const auto log = open_or_die(files);
  for (int i = 0; i < 400; ++i) append(*log, 100);
  const std::string second = "/data/log/0000000002.log";
  files.flip_bit(second, 1'000 * 8);
  LogCursor cursor(Position{});
  Result<std::optional<LogEntry>> entry;
  do {
    entry = log->next(cursor);
  } while (entry && *entry);
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code, Code::corrupt);
  EXPECT_NE(entry.error().message.find(second), std::string::npos);
  const Position stopped = cursor.at();
  EXPECT_FALSE(log->next(cursor));
  EXPECT_EQ(cursor.at(), stopped);
}

TEST(LogCursor, ReadersNeverSeeWhatIsNotThereWhateverTheirSteps) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    FaultFileSystem files(seed);
    const auto log = open_or_die(files);
    std::vector<LogCursor> cursors;
    cursors.reserve(3);
    for (int i = 0; i < 3; ++i) cursors.emplace_back(Position{});
    const std::size_t bytes = 1 + random() % 3'000;
    for (int step = 0; step < 300; ++step) {
      if (random() % 2 == 0) append(*log, bytes);
      if (random() % 10 == 0) log->sync_now();
      LogCursor& cursor = cursors[random() % cursors.size()];
      read_on(*log, cursor, bytes, random() % 4);
      if (random() % 20 == 0) {
        Position least = log->last();
        for (const LogCursor& each : cursors) least = std::min(least, each.at());
        log->trim(least);
      }
    }
    for (LogCursor& cursor : cursors) {
      read_on(*log, cursor, bytes);
      EXPECT_EQ(cursor.at(), log->last());
    }
  }
}

}  // namespace
}  // namespace holdfast
