// SPDX-License-Identifier: Apache-2.0
#include "log/disk_log.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "log/fault_file_system.h"
#include "log/test_support.h"

namespace holdfast {
namespace {

using log_test::entries_of;
using log_test::payload_of;

DiskLogOptions options(std::size_t segment_bytes = 8_KiB) {
  return {.directory = "/data/log",
          .segment_bytes = segment_bytes,
          .segment_bytes_first = segment_bytes,
          .own_threads = false,
          .log_id = 7};
}

std::unique_ptr<DiskLog> open_or_die(FaultFileSystem& files,
                                     const DiskLogOptions& with = options()) {
  auto log = DiskLog::open(files, with);
  HF_ASSERT(log);
  return std::move(*log);
}

void fill(DiskLog& log, std::uint64_t count, std::size_t bytes = 100) {
  for (std::uint64_t i = 0; i < count; ++i) {
    HF_ASSERT(log.append(payload_of(log.last().value + 1, bytes), Durability::everysec));
  }
}

TEST(DiskLog, ANewOneIsEmptyAndClean) {
  FaultFileSystem files;
  const auto log = open_or_die(files);
  EXPECT_EQ(log->first(), Position{1});
  EXPECT_EQ(log->last(), Position{0});
  EXPECT_EQ(log->synced(), Position{0});
  EXPECT_TRUE(log->closed_cleanly());
  EXPECT_FALSE(log->tail_was_cut());
  EXPECT_TRUE(log->health());
  EXPECT_TRUE(entries_of(*log)->empty());
}

TEST(DiskLog, SaysWhetherTheLastCloseWasClean) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  fill(*log, 3);
  ASSERT_TRUE(log->close());
  log = open_or_die(files);
  EXPECT_TRUE(log->closed_cleanly());
  log.reset();  // a crash, though nothing was appended
  log = open_or_die(files);
  EXPECT_FALSE(log->closed_cleanly());
  EXPECT_EQ(log->last(), Position{3});
}

TEST(DiskLog, APowerCutThatTakesAllOfALifeLeavesNoCleanLookingLog) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FaultFileSystem files(seed);
    auto log = open_or_die(files);
    ASSERT_TRUE(log->close());
    log = open_or_die(files);
    fill(*log, 5);
    log.reset();
    files.power_cut();
    log = open_or_die(files);
    EXPECT_FALSE(log->closed_cleanly());
  }
}

TEST(DiskLog, ASegmentThatStaysEmptyIsNotTheEnd) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  // The room that is made sure of lies in a segment that is too small for what comes.
  for (std::size_t round = 0; round < 3; ++round) {
    fill(*log, 30 + round);
    for (std::size_t bytes = 1'000; bytes < 7'000; bytes += 500) ASSERT_TRUE(log->reserve(bytes));
    fill(*log, 1, 100'000);
  }
  const std::size_t count = log->last().value;
  log->sync_now();
  fill(*log, 2);
  log.reset();
  log = open_or_die(files);
  EXPECT_EQ(log->last(), Position{count + 2});
  std::size_t seen = 0;
  ASSERT_TRUE(log->replay({}, [&](Position, std::string_view) -> Status {
    ++seen;
    return {};
  }));
  EXPECT_EQ(seen, count + 2);
  // Nor is it when it is the oldest that a trim has left.
  const auto first_record_of = [&](const std::string& path) {
    return files.content(path).substr(64, 40) == std::string(40, '\0');
  };
  log.reset();
  auto paths = files.paths();
  std::ranges::sort(paths);
  const auto empty = std::ranges::find_if(paths, first_record_of);
  ASSERT_NE(empty, paths.end());
  for (auto it = paths.begin(); it != empty; ++it) ASSERT_TRUE(files.remove(*it));
  log = open_or_die(files);
  EXPECT_EQ(log->last(), Position{count + 2});
}

TEST(DiskLog, ReplayBeginsAfterThePlaceAskedForAndStopsAtAnError) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  fill(*log, 500);
  log.reset();
  log = open_or_die(files);
  const auto tail = entries_of(*log, {497});
  ASSERT_EQ(tail->size(), 3u);
  EXPECT_EQ(tail->front().position, 498u);
  std::uint64_t seen = 0;
  const Status stopped = log->replay({}, [&](Position, std::string_view) -> Status {
    if (++seen == 7) return fail(Code::corrupt, "enough");
    return {};
  });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().message, "enough");
  EXPECT_EQ(seen, 7u);
}

TEST(DiskLog, TrimFreesWholeSegmentsAndRefusesAReplayOfWhatIsGone) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  fill(*log, 500);
  log->sync_now();
  const std::uint64_t before = log->bytes_on_disk();
  log->trim({300});
  EXPECT_LT(log->bytes_on_disk(), before);
  EXPECT_EQ(log->bytes_on_disk(), files.used_bytes());
  EXPECT_GT(log->first(), Position{200});
  EXPECT_LE(log->first(), Position{301});
  log.reset();
  files.power_cut();
  log = open_or_die(files);
  EXPECT_EQ(log->last(), Position{500});
  EXPECT_EQ(entries_of(*log, {300})->size(), 200u);
  const auto gone = entries_of(*log, {100});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::corrupt);
}

TEST(DiskLog, TrimmedToItsEndItKeepsItsPosition) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  fill(*log, 500);
  log->trim({500});  // nothing is synced: everything stays
  EXPECT_EQ(log->first(), Position{1});
  log->sync_now();
  log->trim({500});
  EXPECT_LE(files.used_bytes(), 3 * 8_KiB);
  log.reset();
  files.power_cut();
  log = open_or_die(files);
  EXPECT_EQ(log->last(), Position{500});
  EXPECT_EQ(*log->append("on", Durability::always), Position{501});
}

TEST(DiskLog, GoesOnAfterACheckpointThatIsAhead) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  fill(*log, 5);
  log.reset();
  log = open_or_die(files);
  ASSERT_FALSE(log->start_after({4}));
  ASSERT_TRUE(log->start_after({1000}));
  EXPECT_EQ(log->first(), Position{1001});
  EXPECT_EQ(log->last(), Position{1000});
  EXPECT_EQ(log->synced(), Position{1000});
  log.reset();
  files.power_cut();
  log = open_or_die(files);
  EXPECT_EQ(log->last(), Position{1000});
  EXPECT_TRUE(entries_of(*log, {1000})->empty());
  ASSERT_EQ(*log->append("on", Durability::always), Position{1001});
  log.reset();
  log = open_or_die(files);
  EXPECT_EQ(entries_of(*log, {1000})->size(), 1u);
  EXPECT_FALSE(entries_of(*log, {4}));
}

TEST(DiskLog, TakesEntriesOfEverySizeAlsoLargerThanASegment) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  std::vector<std::size_t> sizes;
  for (std::size_t n = 0; n < 70; ++n) sizes.push_back(n);
  for (const std::size_t n : {4'000u, 8'000u, 8'192u, 20'000u, 1'048'529u, 3'000'001u}) {
    sizes.push_back(n);
  }
  for (const std::size_t n : sizes) {
    ASSERT_TRUE(log->append(payload_of(log->last().value + 1, n), Durability::always)) << n;
  }
  log->sync_now();
  log.reset();
  files.power_cut();
  files.set_read_bytes_max(1000);
  log = open_or_die(files);
  const auto found = entries_of(*log);
  ASSERT_EQ(found->size(), sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ((*found)[i].payload, payload_of(i + 1, sizes[i]));
  }
}

TEST(DiskLog, AnEntryOverTheLimitIsTheCallersFault) {
  FaultFileSystem files;
  const auto log = open_or_die(files);
  const char byte = 'x';  // only the size is looked at before it is refused
  const std::string_view over(&byte, limits::entry_bytes_max + 1);
  const auto position = log->append(over, Durability::always);
  ASSERT_FALSE(position);
  EXPECT_EQ(position.error().code, Code::err);
  EXPECT_TRUE(log->health());
}

TEST(DiskLog, SomeEntriesAreOneWriteAsFarAsTheirFileTakesThem) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  std::vector<std::string> payloads;
  for (std::uint64_t i = 1; i <= 9; ++i) payloads.push_back(payload_of(i, 100 * i));
  const std::vector<std::string_view> views(payloads.begin(), payloads.end());
  const std::uint64_t before = files.counters().writes;
  EXPECT_EQ(log->append_all(views, Durability::everysec), Position{9});
  EXPECT_EQ(files.counters().writes, before + 1);
  EXPECT_EQ(log->last(), Position{9});
  // More than is left of the first file: some go there still.
  payloads.clear();
  for (std::uint64_t i = 10; i <= 30; ++i) payloads.push_back(payload_of(i, 500));
  const std::size_t files_before = files.list("/data/log")->size();
  ASSERT_TRUE(log->append_all(std::vector<std::string_view>(payloads.begin(), payloads.end()),
                              Durability::always));
  EXPECT_GT(files.list("/data/log")->size(), files_before);
  log->sync_now();
  EXPECT_EQ(log->synced(), Position{30});
  files.power_cut();
  log = open_or_die(files);
  const auto found = entries_of(*log);
  ASSERT_EQ(found->size(), 30U);
  for (const auto& entry : *found)
    EXPECT_EQ(entry.payload,
              payload_of(entry.position, entry.position <= 9 ? 100 * entry.position : 500));
}

// Those before the failure are there, as last() says.
TEST(DiskLog, OfSomeEntriesTheFirstMayBeAllThatThereIsRoomFor) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  files.set_capacity(0);
  std::vector<std::string> payloads;
  for (std::uint64_t i = 1; i <= 40; ++i) payloads.push_back(payload_of(i, 1000));
  const std::vector<std::string_view> views(payloads.begin(), payloads.end());
  const auto appended = log->append_all(views, Durability::everysec);
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Code::unavailable);
  EXPECT_GT(log->last(), Position{0});
  EXPECT_LT(log->last(), Position{40});
  const std::uint64_t last = log->last().value;
  log.reset();
  EXPECT_EQ(entries_of(*open_or_die(files))->size(), last);
}

TEST(DiskLog, WhatIsClaimedLeavesItsRoomToNobodyElse) {
  FaultFileSystem files;
  const auto log = open_or_die(files);
  files.set_capacity(0);  // the first file is all there is
  int claimed = 0;
  while (log->reserve(1000)) {
    log->claim(1000);
    ASSERT_LT(++claimed, 10);
  }
  ASSERT_GT(claimed, 2);
  const std::string payload(1000, 'x');
  const std::vector<std::string_view> all(static_cast<std::size_t>(claimed), payload);
  EXPECT_TRUE(log->append_all(all, Durability::everysec));
  EXPECT_FALSE(log->reserve(1000));
  EXPECT_TRUE(log->reserve(1)) << "nothing is claimed any more";
}

TEST(DiskLog, OneWritePerAppend) {
  FaultFileSystem files;
  const auto log = open_or_die(files, options(1_MiB));
  const auto before = files.counters();
  fill(*log, 100, 1000);
  EXPECT_EQ(files.counters().writes - before.writes, 100u);
  EXPECT_EQ(files.counters().syncs, before.syncs);
  EXPECT_EQ(log->bytes_appended(), 100'000u);
}

TEST(DiskLog, ASyncFollowedByQuietLeavesOneMark) {
  FaultFileSystem files;
  const auto log = open_or_die(files);
  fill(*log, 3);
  log->sync_now();
  const auto marked = files.counters();
  log->sync_now();  // the mark itself
  log->sync_now();
  log->sync_now();
  EXPECT_EQ(files.counters().writes, marked.writes);
  EXPECT_EQ(files.counters().syncs, marked.syncs + 1);
}

TEST(DiskLog, AFullDiskRefusesAndGoesOnWhenRoomReturns) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  files.set_capacity(40_KiB);
  std::uint64_t taken = 0;
  while (log->append(payload_of(taken + 1, 500), Durability::always)) ++taken;
  ASSERT_GT(taken, 10u);
  EXPECT_EQ(log->last(), Position{taken});
  const auto refused = log->append(payload_of(taken + 1, 500), Durability::always);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  ASSERT_FALSE(log->reserve(500));
  ASSERT_FALSE(log->health());
  EXPECT_EQ(log->health().error().code, Code::unavailable);
  log->sync_now();
  EXPECT_EQ(log->synced(), Position{taken});

  files.set_capacity(1_MiB);
  log->sync_now();
  EXPECT_TRUE(log->health());
  EXPECT_TRUE(log->reserve(500));
  EXPECT_EQ(*log->append("yes", Durability::always), Position{taken + 1});
  log.reset();
  EXPECT_EQ(entries_of(*open_or_die(files))->size(), taken + 1);
}

TEST(DiskLog, AnEntryTooLargeForTheDiskDoesNotKeepSmallOnesOut) {
  FaultFileSystem files;
  const auto log = open_or_die(files);
  files.set_capacity(64_KiB);
  const auto refused = log->append(payload_of(1, 100'000), Durability::always);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  log->sync_now();
  EXPECT_TRUE(log->health());
  EXPECT_TRUE(log->append("small", Durability::always));
}

TEST(DiskLog, OpensOnAFullDiskAndWritesWhenRoomReturns) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  // Close and open until the only file has no room for another mark.
  ASSERT_TRUE(log->append(payload_of(1, 7'900), Durability::always));
  ASSERT_TRUE(log->close());
  files.set_capacity(files.used_bytes());
  for (int i = 0; i < 8; ++i) {
    log = open_or_die(files);
    EXPECT_EQ(log->last(), Position{1});
    EXPECT_TRUE(log->closed_cleanly());
    ASSERT_TRUE(log->close());
  }
  log = open_or_die(files);
  ASSERT_FALSE(log->append(payload_of(2, 100), Durability::everysec));
  files.set_capacity(1_MiB);
  ASSERT_TRUE(log->append(payload_of(2, 100), Durability::everysec));
  log.reset();
  log = open_or_die(files);
  EXPECT_FALSE(log->closed_cleanly());
  EXPECT_EQ(entries_of(*log)->size(), 2u);
}

TEST(DiskLog, WhatWasReservedIsThereForTheAppendAlsoAfterASync) {
  for (std::size_t bytes = 7'400; bytes < 8'100; bytes += 8) {
    FaultFileSystem files;
    const auto log = open_or_die(files);
    files.set_capacity(files.used_bytes());
    ASSERT_TRUE(log->append("first", Durability::always));
    if (!log->reserve(bytes)) continue;
    log->sync_now();  // leaves a mark
    ASSERT_TRUE(log->append(payload_of(2, bytes), Durability::always)) << bytes;
  }
}

TEST(DiskLog, AFailedSyncStopsWritesForGoodAndIsNotBelievedLater) {
  FaultFileSystem files;
  auto log = open_or_die(files);
  fill(*log, 2);
  log->sync_now();
  fill(*log, 2);
  files.fail_sync_after(0);  // once: the next would say yes
  log->sync_now();
  log->sync_now();
  EXPECT_EQ(log->synced(), Position{2});
  EXPECT_TRUE(log->lost());
  ASSERT_FALSE(log->health());
  EXPECT_FALSE(log->append("no", Durability::everysec));
  EXPECT_FALSE(log->reserve(1));
  EXPECT_FALSE(log->close());
  EXPECT_EQ(log->synced(), Position{2});
}

TEST(DiskLog, AfterAFailedSyncARestartWritesAgainWhatOnlyTheKernelHas) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    FaultFileSystem files(seed);
    auto log = open_or_die(files);
    fill(*log, 20);
    files.fail_sync_after(0);
    log->sync_now();
    log.reset();
    log = open_or_die(files);
    const Position shown = log->last();
    log.reset();
    files.power_cut();
    log = open_or_die(files);
    EXPECT_EQ(log->last(), shown) << seed;
  }
}

TEST(DiskLog, AFailedWriteUsesNoPositionAndLeavesNothingBehind) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    FaultFileSystem files(seed);
    auto log = open_or_die(files);
    fill(*log, 2);
    files.fail_write_after(0);
    const auto position = log->append(payload_of(3, 3), Durability::always);
    ASSERT_FALSE(position);
    EXPECT_EQ(position.error().code, Code::unavailable);
    EXPECT_EQ(log->last(), Position{2});
    ASSERT_FALSE(log->health());
    EXPECT_FALSE(log->lost());
    log->sync_now();  // what was written before it is still synced
    EXPECT_EQ(log->synced(), Position{2});
    EXPECT_FALSE(log->close());
    log.reset();
    files.power_cut();
    log = open_or_die(files);
    EXPECT_EQ(log->last(), Position{2});
    EXPECT_FALSE(log->tail_was_cut());
  }
}

TEST(DiskLog, AFailedWriteThatCannotBeUndoneIsUnknown) {
  FaultFileSystem files;
  const auto log = open_or_die(files);
  files.fail_write_after(0, true);
  const auto position = log->append("perhaps", Durability::always);
  ASSERT_FALSE(position);
  EXPECT_EQ(position.error().code, Code::unknown);
  EXPECT_EQ(log->append("no", Durability::always).error().code, Code::unavailable);
}

TEST(DiskLog, AHalfMadeSegmentIsRemovedAtTheNextStart) {
  FaultFileSystem files;
  open_or_die(files).reset();
  files.set_content("/data/log/0000000002.tmp", std::string(100, 'x'));
  open_or_die(files).reset();
  EXPECT_EQ(files.paths(), std::vector<std::string>{"/data/log/0000000001.log"});
}

TEST(DiskLog, GrowsItsFilesFromTheFirstSizeToTheFull) {
  FaultFileSystem files;
  DiskLogOptions growing = options(16_KiB);
  growing.segment_bytes_first = 2_KiB;
  const auto log = open_or_die(files, growing);
  fill(*log, 600);
  std::vector<std::size_t> sizes;
  for (const std::string& path : files.paths()) sizes.push_back(files.content(path).size());
  ASSERT_GE(sizes.size(), 5u);
  EXPECT_EQ((std::vector<std::size_t>(sizes.begin(), sizes.begin() + 5)),
            (std::vector<std::size_t>{2_KiB, 4_KiB, 8_KiB, 16_KiB, 16_KiB}));
}

}  // namespace
}  // namespace holdfast
