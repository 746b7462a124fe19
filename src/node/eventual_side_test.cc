// SPDX-License-Identifier: Apache-2.0
#include "node/eventual_side.h"

#include <gtest/gtest.h>

#include "eventual/test_replica.h"
#include "log/fault_file_system.h"

namespace holdfast::node {
namespace {

using eventual::testing::likes;
using eventual::testing::TestReplica;

// A replica with a log on a disk that fails as told, and what was answered.
struct World final : ReplySink {
  World() {
    auto opened = DiskLog::open(files, {.directory = "/origin", .own_threads = false, .log_id = 7});
    HF_ASSERT(opened);
    log = std::move(*opened);
    side = std::make_unique<EventualSide>(replica.replica(), *log, *this,
                                          EventualSide::Options{.on_broken = [this] { ++broken; }});
  }
  void complete(Ticket, std::string_view reply, Replay) override { answers.emplace_back(reply); }

  /// The reply, if it was given at once.
  std::string add(Durability durability) {
    const std::string_view args[] = {"INCRBY", "k", "1"};
    const eventual::Replica::Call call{eventual::testing::commands().find("INCRBY"), args};
    keyspace.durability = durability;
    std::string text;
    Reply reply(text);
    const bool now =
        side->write({.keyspace = likes, .caller = {}, .request_id = {}, .calls = {&call, 1}},
                    keyspace, {}, replica.wall, at, reply);
    return now ? text : std::string();
  }

  FaultFileSystem files;
  std::unique_ptr<DiskLog> log;
  TestReplica replica{1};
  std::unique_ptr<EventualSide> side;
  EventualSide::Durable keyspace;
  Monotonic at{};
  int broken = 0;
  std::vector<std::string> answers;
};

TEST(EventualSide, AlwaysIsAnsweredWhenTheDiskHasIt) {
  World world;
  EXPECT_EQ(world.add(Durability::always), "");
  world.side->turn(world.at);
  EXPECT_TRUE(world.answers.empty());
  world.log->sync_now();
  world.side->turn(world.at);
  EXPECT_EQ(world.answers, std::vector<std::string>{":1\r\n"});
}

TEST(EventualSide, EverysecIsAnsweredAtOnce) {
  World world;
  EXPECT_EQ(world.add(Durability::everysec), ":1\r\n");
  world.side->turn(world.at);
  EXPECT_EQ(world.broken, 0);
  EXPECT_FALSE(world.side->has_unlogged());
}

// Its replies lie in output buffers when its entry cannot be written.
TEST(EventualSide, RepliesWhoseEntryCouldNotBeWrittenMustNotLeave) {
  World world;
  EXPECT_EQ(world.add(Durability::everysec), ":1\r\n");
  world.files.fail_write_after(0, true);
  world.side->turn(world.at);
  EXPECT_EQ(world.broken, 1);
  EXPECT_TRUE(world.side->has_unlogged()) << "nobody may hear of it, nor a checkpoint hold it";
  EXPECT_FALSE(world.side->writable());
}

// One write for a turn's: what was merged before the own entry was opened, that, and what had to
// wait for its end. Replayed in that order.
TEST(EventualSide, AppendsWhatIsMergedInATurnAllTogether) {
  World world;
  const std::uint64_t writes = world.files.counters().writes;
  world.side->gather_merged();
  world.side->append_merged("first");
  world.side->append_merged("second");
  EXPECT_EQ(world.log->last(), Position{0});
  EXPECT_EQ(world.add(Durability::always), "");
  EXPECT_EQ(world.keyspace.last_write, Position{3}) << "where its entry will be";
  world.side->turn(world.at);
  EXPECT_EQ(world.log->last(), Position{3});
  EXPECT_EQ(world.files.counters().writes, writes + 1);
  LogCursor cursor(Position{});
  EXPECT_EQ((*world.log->next(cursor))->payload, "first");
  EXPECT_EQ((*world.log->next(cursor))->payload, "second");
  EXPECT_TRUE(world.answers.empty());
  world.log->sync_now();
  world.side->turn(world.at);
  EXPECT_EQ(world.answers, std::vector<std::string>{":1\r\n"});
  // Behind the turn nothing is gathered: what is told then must be in the log.
  world.side->append_merged("third");
  EXPECT_EQ(world.log->last(), Position{4});
}

TEST(EventualSide, GathersNoMoreThanIsGoodForOneWrite) {
  World world;
  world.side->gather_merged();
  const std::string entry(10'000, 'x');
  for (int i = 0; i < 100; ++i) world.side->append_merged(entry);
  EXPECT_GT(world.log->last(), Position{90});
  EXPECT_LT(world.log->last(), Position{100});
}

// The write of one that was merged takes the own one with it.
TEST(EventualSide, WhatWasGatheredAndCouldNotBeWrittenIsLostWithTheOwnEntry) {
  World world;
  world.side->gather_merged();
  world.side->append_merged("merged");
  EXPECT_EQ(world.add(Durability::everysec), ":1\r\n");
  world.files.fail_write_after(0, true);
  world.side->turn(world.at);
  EXPECT_EQ(world.broken, 1);
  EXPECT_TRUE(world.side->lost_merged());
  EXPECT_TRUE(world.side->has_unlogged());
}

TEST(EventualSide, WhatTheDiskNeverAnswersIsInDoubt) {
  World world;
  EXPECT_EQ(world.add(Durability::always), "");
  world.side->turn(world.at);
  world.files.fail_sync_after(0);
  world.log->sync_now();
  world.side->turn(world.at);
  ASSERT_EQ(world.answers.size(), 1U);
  EXPECT_TRUE(world.answers[0].starts_with("-UNKNOWN ")) << world.answers[0];
}

}  // namespace
}  // namespace holdfast::node
