// SPDX-License-Identifier: Apache-2.0
#include "log/embedded_log.h"

#include <gtest/gtest.h>

#include "log/fault_file_system.h"
#include "log/test_support.h"

namespace holdfast {
namespace {

using log_test::payload_of;
using log_test::Recorder;
using Numbers = std::vector<std::uint64_t>;
using Failures = std::vector<std::pair<std::uint64_t, Code>>;

DiskLogOptions options() {
  return {.directory = "/data/log",
          .segment_bytes = 8_KiB,
          .segment_bytes_first = 8_KiB,
          .own_threads = false,
          .log_id = 9};
}

/// An engine on a disk that syncs when told to, and who follows it.
struct World {
  explicit World(Position after = {}) { start(after); }

  void start(Position after = {}) {
    log.reset();
    recorder = {};
    auto opened = DiskLog::open(files, options());
    HF_ASSERT(opened);
    disk = opened->get();
    log = make_embedded_log(std::move(*opened));
    HF_ASSERT(log->follow(after, {}, recorder));
  }
  void append(std::uint64_t token, Durability durability = Durability::always) {
    HF_ASSERT(log->append(payload_of(token, 100), token, durability));
  }
  void sync_and_deliver() {
    disk->sync_now();
    log->deliver();
  }
  std::uint64_t end() const {
    std::uint64_t position = UINT64_MAX;
    log->end(Millis(1), [&](Result<Position> p) { position = p->value; });
    return position;
  }

  FaultFileSystem files;
  Recorder recorder;
  DiskLog* disk = nullptr;
  std::unique_ptr<Log> log;
};

TEST(EmbeddedLog, AnEntryOfAlwaysIsDeliveredAfterItsSync) {
  World world;
  world.append(1);
  world.log->deliver();
  EXPECT_TRUE(world.recorder.tokens.empty());
  EXPECT_EQ(world.end(), 0u);
  world.sync_and_deliver();
  EXPECT_EQ(world.recorder.tokens, Numbers{1});
  EXPECT_EQ(world.recorder.payloads[0], payload_of(1, 100));
  EXPECT_EQ(world.end(), 1u);
}

TEST(EmbeddedLog, AnEntryOfEverysecIsDeliveredByTheNextDeliverNotByAppend) {
  World world;
  world.append(1, Durability::everysec);
  EXPECT_TRUE(world.recorder.tokens.empty());
  world.log->deliver();
  EXPECT_EQ(world.recorder.tokens, Numbers{1});
}

TEST(EmbeddedLog, AnEntryOfEverysecWaitsBehindOneOfAlways) {
  World world;
  world.append(1, Durability::everysec);
  world.append(2, Durability::always);
  world.append(3, Durability::everysec);
  world.log->deliver();
  EXPECT_EQ(world.recorder.tokens, Numbers{1});
  world.sync_and_deliver();
  EXPECT_EQ(world.recorder.tokens, (Numbers{1, 2, 3}));
  EXPECT_EQ(world.recorder.positions, (Numbers{1, 2, 3}));
}

TEST(EmbeddedLog, OneSyncCoversAllThatWasWrittenBeforeIt) {
  World world;
  const auto before = world.files.counters().syncs;
  for (std::uint64_t token = 1; token <= 20; ++token) world.append(token);
  world.sync_and_deliver();
  EXPECT_EQ(world.recorder.tokens.size(), 20u);
  EXPECT_EQ(world.files.counters().syncs - before, 1u);
}

TEST(EmbeddedLog, AFollowerMayAppendWhileItIsTold) {
  struct Echo final : LogFollower {
    void on_entry(const LogEntry& entry) override {
      seen.push_back(entry.token);
      if (entry.token < 3) {
        HF_ASSERT(log->append("more", entry.token + 1, Durability::everysec));
      }
    }
    void on_append_failed(std::uint64_t, const Error&) override {}
    Log* log = nullptr;
    Numbers seen;
  };
  FaultFileSystem files;
  auto log = open_embedded_log(files, options());
  ASSERT_TRUE(log);
  Echo echo;
  echo.log = log->get();
  ASSERT_TRUE((*log)->follow({}, {}, echo));
  ASSERT_TRUE((*log)->append("first", 1, Durability::everysec));
  (*log)->deliver();
  EXPECT_EQ(echo.seen, Numbers{1});
  (*log)->deliver();
  (*log)->deliver();
  EXPECT_EQ(echo.seen, (Numbers{1, 2, 3}));
}

TEST(EmbeddedLog, FollowsALogOfSeveralSegmentsFromAnyPlace) {
  World world;
  for (std::uint64_t token = 1; token <= 300; ++token) world.append(token);
  world.sync_and_deliver();
  ASSERT_GT(world.files.paths().size(), 3u);
  for (const std::uint64_t after : {0u, 1u, 77u, 299u, 300u}) {
    world.start({after});
    ASSERT_EQ(world.recorder.positions.size(), 300 - after);
    for (std::size_t i = 0; i < world.recorder.positions.size(); ++i) {
      EXPECT_EQ(world.recorder.positions[i], after + 1 + i);
      EXPECT_EQ(world.recorder.payloads[i], payload_of(after + 1 + i, 100));
      EXPECT_EQ(world.recorder.tokens[i], 0u);
    }
    EXPECT_EQ(world.end(), 300u);
  }
}

TEST(EmbeddedLog, AfterAFailedSyncWhatWasUnderWayIsUnknown) {
  World world;
  world.append(1);
  world.sync_and_deliver();
  world.append(2);
  world.append(3, Durability::everysec);
  world.files.fail_sync_after(0);
  world.sync_and_deliver();
  EXPECT_EQ(world.recorder.tokens, Numbers{1});
  EXPECT_EQ(world.recorder.failures, (Failures{{2, Code::unknown}, {3, Code::unknown}}));
  EXPECT_FALSE(world.log->writable());
  const Status refused = world.log->append("no", 4, Durability::always);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_EQ(world.end(), 1u);
  world.log->close();
}

TEST(EmbeddedLog, AWriteThatMayHaveLandedIsReportedInItsPlace) {
  World world;
  world.append(1);
  world.files.fail_write_after(0, true);
  ASSERT_TRUE(world.log->append("perhaps", 2, Durability::everysec));
  world.log->deliver();
  EXPECT_TRUE(world.recorder.failures.empty());  // the one before is not decided yet
  world.files.heal();
  world.sync_and_deliver();
  EXPECT_EQ(world.recorder.tokens, Numbers{1});
  EXPECT_EQ(world.recorder.failures, (Failures{{2, Code::unknown}}));
}

TEST(EmbeddedLog, AFullDiskRefusesTheAppendItselfAndHeals) {
  World world;
  world.files.set_capacity(world.files.used_bytes());
  std::uint64_t token = 1;
  while (world.log->append(payload_of(token, 500), token, Durability::everysec)) ++token;
  EXPECT_EQ(world.log->writable().error().code, Code::unavailable);
  world.files.set_capacity(1_MiB);
  world.disk->sync_now();
  EXPECT_TRUE(world.log->writable());
  world.append(token);
  world.sync_and_deliver();
  EXPECT_EQ(world.recorder.tokens.size(), token);
  EXPECT_TRUE(world.recorder.failures.empty());
}

TEST(EmbeddedLog, CloseMakesAllDurableAndDeliversIt) {
  World world;
  world.append(1);
  world.append(2, Durability::everysec);
  world.log->close();
  EXPECT_EQ(world.recorder.tokens, (Numbers{1, 2}));
  EXPECT_FALSE(world.log->writable());
  world.files.power_cut();
  world.start();
  EXPECT_EQ(world.recorder.positions, (Numbers{1, 2}));
  EXPECT_TRUE(world.disk->closed_cleanly());
}

TEST(EmbeddedLog, CloseOverAFailingDiskReportsWhatIsInDoubt) {
  World world;
  world.append(1);
  world.files.fail_sync_after(0);
  world.log->close();
  EXPECT_EQ(world.recorder.failures, (Failures{{1, Code::unknown}}));
}

TEST(EmbeddedLog, ACheckpointAheadOfTheLogIsWhereItGoesOn) {
  World world;
  world.append(1, Durability::everysec);
  world.sync_and_deliver();
  for (std::uint64_t token = 2; token <= 9; ++token) world.append(token, Durability::everysec);
  world.log->deliver();  // applied, checkpointed up to 9, then the power goes
  world.log.reset();
  world.files.power_cut();
  world.start({9});
  EXPECT_TRUE(world.recorder.positions.empty());
  EXPECT_EQ(world.end(), 9u);
  world.append(20);
  world.sync_and_deliver();
  EXPECT_EQ(world.recorder.positions, Numbers{10});
  world.start({9});
  EXPECT_EQ(world.recorder.positions, Numbers{10});
}

TEST(EmbeddedLog, ACheckpointOlderThanTheTrimIsRefused) {
  World world;
  for (std::uint64_t token = 1; token <= 300; ++token) world.append(token);
  world.sync_and_deliver();
  world.log->trim({250});
  world.log.reset();
  auto log = open_embedded_log(world.files, options());
  ASSERT_TRUE(log);
  Recorder recorder;
  const Status followed = (*log)->follow({10}, {}, recorder);
  ASSERT_FALSE(followed);
  EXPECT_EQ(followed.error().code, Code::corrupt);
  EXPECT_TRUE(recorder.positions.empty());
}

}  // namespace
}  // namespace holdfast
