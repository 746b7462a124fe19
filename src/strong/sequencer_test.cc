// SPDX-License-Identifier: Apache-2.0
#include "strong/sequencer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "strong/test_host.h"
#include "strong/test_log.h"

namespace holdfast::strong {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace strong::testing;  // NOLINT: this folder's own

const Instant noon = instant_from_ms(1'700'000'000'000);

struct Sink final : ReplySink {
  void complete(Ticket ticket, std::string_view reply, Replay) override {
    std::string line = std::to_string(ticket.sequence) + " " + std::string(reply);
    line.resize(line.size() - 2);
    answers.push_back(std::move(line));
  }
  std::vector<std::string> answers;  // "<ticket> <reply>"
};

// One node: a log that the test moves, a machine, a sequencer.
struct World {
  explicit World(Sequencer::Options options = {.incarnation = 7})
      : sequencer(log, machine, sink, std::move(options)) {
    EXPECT_TRUE(sequencer.start());
  }

  std::unique_ptr<Store> store = make_memory_store();
  TestHost host{*store};
  Machine machine{commands(), host};
  TestLog log;
  Sink sink;
  Monotonic now{};
  Sequencer sequencer;

  Status write(std::uint64_t ticket, const Line& line, Durability durability = Durability::always) {
    const Request request{.lines = {line}};
    const Parts parts(request);
    return sequencer.write({.keyspace = accounts,
                            .caller = {},
                            .request_id = {},
                            .calls = parts.calls,
                            .durability = durability},
                           {1, ticket}, now);
  }
  // GET k: what it answered at once, or "(later)".
  std::string read(std::uint64_t ticket, bool behind = false) {
    std::string bytes;
    Reply reply(bytes);
    const auto run = [this](Reply& out) {
      const std::array<std::string_view, 2> args{"GET", "k"};
      row_of({"GET"})->read(host.strong_state(accounts)->table, machine.time(), args, out);
    };
    if (!sequencer.read(behind, {1, ticket}, now, reply, run, [&] { return ReadNow(run); }))
      return "(later)";
    return bytes;
  }
  void turn() { sequencer.turn(noon, now); }
  void land() {
    log.land_all();
    turn();
  }
  std::string foreign(const Line& line, std::uint64_t counter, Instant time = noon) {
    EntryBuilder builder;
    add(builder, {.lines = {line}});
    return builder.take({99, counter}, time);
  }
  std::vector<std::string> answers() { return std::exchange(sink.answers, {}); }
};

TEST(Sequencer, IsCurrentWhileTheEngineKnowsTheEndAndNothingIsBefore) {
  World world;
  EXPECT_FALSE(world.sequencer.is_current(false));  // the engine would have to ask
  world.log.knows_end = true;
  EXPECT_TRUE(world.sequencer.is_current(true));
  ASSERT_TRUE(world.write(1, {"INCR", "k"}));
  EXPECT_FALSE(world.sequencer.is_current(true));
  EXPECT_TRUE(world.sequencer.is_current(false));  // another connection's, not acknowledged
  world.turn();
  world.log.hold_entries = true;
  world.land();
  EXPECT_FALSE(world.sequencer.is_current(false));  // landed and not applied here
  world.log.hold_entries = false;
  world.turn();
  EXPECT_TRUE(world.sequencer.is_current(true));
}

TEST(Sequencer, ASmallEntryGathersMoreWhileOneIsUnderWay) {
  World world({.incarnation = 7, .small_appends_in_flight_max = 1, .large_entry_operations = 3});
  ASSERT_TRUE(world.write(1, {"INCR", "k"}));
  world.turn();
  ASSERT_TRUE(world.write(2, {"INCR", "k"}));
  world.turn();
  EXPECT_EQ(world.log.appends, 1U);
  ASSERT_TRUE(world.write(3, {"INCR", "k"}));
  ASSERT_TRUE(world.write(4, {"INCR", "k"}));
  world.turn();
  EXPECT_EQ(world.log.appends, 2U);  // large enough now
  ASSERT_TRUE(world.write(5, {"INCR", "k"}));
  world.turn();
  world.land();
  EXPECT_EQ(world.log.appends, 3U);
  world.land();
  EXPECT_THAT(world.answers(), ElementsAre("1 :1", "2 :2", "3 :3", "4 :4", "5 :5"));
}

TEST(Sequencer, WaitsALittleForTheCallersItHasJustAnswered) {
  using std::chrono::microseconds;
  World world({.incarnation = 7,
               .small_appends_in_flight_max = 1,
               .large_entry_operations = 100,
               .gather_max = microseconds(500)});
  const auto write_some = [&](std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i <= last; ++i) ASSERT_TRUE(world.write(i, {"INCR", "k"}));
  };
  const auto takes = [&](microseconds time) {
    world.now += time;
    world.land();
  };
  // Nothing was answered yet: nobody is waited for.
  write_some(1, 3);
  world.turn();
  EXPECT_EQ(world.log.appends, 1U);
  EXPECT_FALSE(world.sequencer.wanted_at());
  takes(microseconds(16'000));  // so an eighth of it is the average
  // One of three is back: the others may be about to.
  write_some(4, 4);
  world.turn();
  EXPECT_EQ(world.log.appends, 1U);
  EXPECT_EQ(world.sequencer.wanted_at(), world.now + microseconds(500));
  // All are.
  write_some(5, 6);
  world.turn();
  EXPECT_EQ(world.log.appends, 2U);
  write_some(7, 7);  // and another
  takes(microseconds(2'000));
  // Four are expected, three come: it does not wait for ever, and then expects three.
  write_some(8, 9);
  world.turn();
  EXPECT_EQ(world.log.appends, 2U);
  world.now += microseconds(500);
  world.turn();
  EXPECT_EQ(world.log.appends, 3U);
  EXPECT_FALSE(world.sequencer.wanted_at());
  takes(microseconds(2'000));
  write_some(10, 12);
  world.turn();
  EXPECT_EQ(world.log.appends, 4U);
  world.land();
  EXPECT_EQ(world.answers().size(), 12U);
}

TEST(Sequencer, WaitsForCallersAShareOfWhatAppendsTake) {
  using std::chrono::microseconds;
  World world({.incarnation = 7,
               .small_appends_in_flight_max = 1,
               .large_entry_operations = 100,
               .gather_max = microseconds(500)});
  ASSERT_TRUE(world.write(1, {"INCR", "k"}) && world.write(2, {"INCR", "k"}));
  world.turn();
  world.now += microseconds(240);  // the average is 30
  world.land();
  ASSERT_TRUE(world.write(3, {"INCR", "k"}));
  world.turn();
  EXPECT_EQ(world.sequencer.wanted_at(), world.now + microseconds(20));
}

TEST(Sequencer, OneQuestionIsAskedForTheReadersItHasJustAnswered) {
  using std::chrono::microseconds;
  World world({.incarnation = 7, .gather_max = microseconds(500)});
  world.log.end_at_once = false;
  const auto read_some = [&](std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i <= last; ++i) EXPECT_EQ(world.read(i), "(later)");
    world.turn();
  };
  const auto takes = [&](microseconds time) {
    world.now += time;
    world.log.answer_ends();
    world.turn();
  };
  read_some(1, 3);
  EXPECT_EQ(world.log.questions(), 1U) << "for all that came in one turn";
  takes(microseconds(16'000));  // so an eighth of it is the average
  EXPECT_EQ(world.answers().size(), 3U);
  // One of three is back: the others may be about to.
  read_some(4, 4);
  EXPECT_EQ(world.log.questions(), 0U);
  EXPECT_EQ(world.sequencer.wanted_at(), world.now + microseconds(500));
  read_some(5, 6);
  EXPECT_EQ(world.log.questions(), 1U);
  EXPECT_FALSE(world.sequencer.wanted_at());
  read_some(7, 7);  // and another, which came behind the question
  takes(microseconds(2'000));
  EXPECT_EQ(world.answers().size(), 3U);
  // Four are expected, three come: it does not wait for ever, and then expects three.
  read_some(8, 9);
  EXPECT_EQ(world.log.questions(), 0U);
  world.now += microseconds(500);
  world.turn();
  EXPECT_EQ(world.log.questions(), 1U);
  takes(microseconds(2'000));
  read_some(10, 12);
  EXPECT_EQ(world.log.questions(), 1U);
  takes(microseconds(2'000));
  EXPECT_EQ(world.answers().size(), 6U);
}

TEST(Sequencer, NoEntryIsLargerThanTheEngineTakes) {
  World world;
  world.log.bytes_max = 8_KiB;
  EXPECT_FALSE(world.write(1, {"SET", "k", std::string(8_KiB, 'x')}));
  for (std::uint64_t i = 2; i < 12; ++i)
    ASSERT_TRUE(world.write(i, {"SET", "k", std::string(3_KiB, 'x')}));
  world.turn();
  EXPECT_EQ(world.log.appends, 5U);  // two in each
}

TEST(Sequencer, WhatArrivesInOneTurnIsOneEntry) {
  World world;
  ASSERT_TRUE(world.write(1, {"SET", "k", "5"}));
  ASSERT_TRUE(world.write(2, {"INCR", "k"}));
  EXPECT_EQ(world.log.under_way(), 0);
  world.turn();
  EXPECT_EQ(world.log.under_way(), 1);
  EXPECT_THAT(world.answers(), IsEmpty());
  world.land();
  EXPECT_THAT(world.answers(), ElementsAre("1 +OK", "2 :6"));
  EXPECT_TRUE(world.sequencer.idle());
  EXPECT_EQ(world.sequencer.queued_bytes(), 0);
}

// Once it stood still until this node's clock had caught up: so did every wait of a workflow.
TEST(Sequencer, TimeGoesOnBehindAnEntryOfAClockThatWasAhead) {
  World world;
  world.now = Monotonic(std::chrono::hours(1000));  // the machine has been up for long
  const Instant ahead = noon + Millis(3'600'000);
  world.log.append_of_another(world.foreign({"SET", "k", "1"}, 1, ahead));
  world.land();
  EXPECT_EQ(world.machine.time(), ahead);
  EXPECT_EQ(world.sequencer.time(noon, world.now), ahead);
  world.now += Millis(60'000);
  ASSERT_TRUE(world.write(1, {"INCR", "k"}));
  world.turn();
  world.land();
  EXPECT_EQ(world.machine.time(), ahead + Millis(30'000));
}

TEST(Sequencer, WhatArrivesWhileEnoughIsUnderWayGathers) {
  World world({.incarnation = 7, .appends_in_flight_max = 2});
  for (std::uint64_t ticket = 1; ticket <= 6; ++ticket) {
    ASSERT_TRUE(world.write(ticket, {"INCR", "k"}));
    world.turn();
  }
  EXPECT_EQ(world.log.under_way(), 2);
  world.log.land();
  world.turn();
  EXPECT_THAT(world.answers(), ElementsAre("1 :1"));
  EXPECT_EQ(world.log.under_way(), 2);  // the third entry holds what had gathered
  world.land();
  EXPECT_THAT(world.answers(), ElementsAre("2 :2", "3 :3", "4 :4", "5 :5", "6 :6"));
  EXPECT_EQ(world.log.entries(), 3);
}

TEST(Sequencer, AnEntryIsClosedAtItsLimits) {
  World world;
  for (std::size_t i = 0; i < limits::entry_operations_max + 1; ++i)
    ASSERT_TRUE(world.write(i, {"INCR", "k"}));
  world.turn();
  EXPECT_EQ(world.log.under_way(), 2);
  world.land();
  const std::string half(limits::entry_bytes_target / 2, 'x');
  for (std::uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(world.write(i, {"SET", "k", half}));
  world.turn();
  EXPECT_EQ(world.log.under_way(), 3);
  world.land();
  EXPECT_EQ(world.sink.answers.size(), limits::entry_operations_max + 4);
}

TEST(Sequencer, AnEntryIsAsDurableAsItsStrictestOperation) {
  World world;
  ASSERT_TRUE(world.write(1, {"INCR", "k"}, Durability::everysec));
  world.turn();
  ASSERT_TRUE(world.write(2, {"INCR", "k"}, Durability::everysec));
  ASSERT_TRUE(world.write(3, {"INCR", "k"}, Durability::always));
  ASSERT_TRUE(world.write(4, {"INCR", "k"}, Durability::everysec));
  world.turn();
  ASSERT_TRUE(world.write(5, {"INCR", "k"}, Durability::everysec));
  world.turn();
  EXPECT_THAT(world.log.durabilities,
              ElementsAre(Durability::everysec, Durability::always, Durability::everysec));
}

TEST(Sequencer, AReadRunsAtOnceWhereTheEndIsApplied) {
  World world;
  EXPECT_EQ(world.read(1), "$-1\r\n");
  ASSERT_TRUE(world.write(2, {"SET", "k", "v"}));
  world.turn();
  // Not yet acknowledged to anyone: a read need not wait for it.
  EXPECT_EQ(world.read(3), "$-1\r\n");
  world.land();
  EXPECT_EQ(world.read(4), "$1\r\nv\r\n");
}

TEST(Sequencer, AReadBehindAWriteSeesItAndNothingAfterIt) {
  World world;
  ASSERT_TRUE(world.write(1, {"SET", "k", "1"}));
  EXPECT_EQ(world.read(2, true), "(later)");
  ASSERT_TRUE(world.write(3, {"SET", "k", "2"}));
  EXPECT_EQ(world.read(4, true), "(later)");
  world.turn();
  EXPECT_EQ(world.read(5, true), "(later)");  // behind one under way
  ASSERT_TRUE(world.write(6, {"SET", "k", "3"}));
  world.turn();
  world.land();
  EXPECT_THAT(world.answers(),
              ElementsAre("1 +OK", "2 $1\r\n1", "3 +OK", "4 $1\r\n2", "5 $1\r\n2", "6 +OK"));
  EXPECT_EQ(world.read(7, true), "$1\r\n3\r\n");
}

TEST(Sequencer, AReadBehindAWriteUnderWayRunsWithoutAnotherWrite) {
  World world;
  ASSERT_TRUE(world.write(1, {"SET", "k", "1"}));
  world.turn();
  EXPECT_EQ(world.read(2, true), "(later)");
  world.land();
  EXPECT_THAT(world.answers(), ElementsAre("1 +OK", "2 $1\r\n1"));
}

TEST(Sequencer, AReadSeesWhatAnotherNodeAcknowledgedBeforeIt) {
  World world;
  world.log.append_of_another(world.foreign({"SET", "k", "theirs"}, 1));
  EXPECT_EQ(world.read(1), "(later)");  // the end is known, but not applied
  world.turn();
  EXPECT_THAT(world.answers(), ElementsAre("1 $6\r\ntheirs"));
}

TEST(Sequencer, AReadWaitsUntilTheEndIsApplied) {
  World world;
  world.log.end_at_once = false;
  world.log.hold_entries = true;
  world.log.append_of_another(world.foreign({"SET", "k", "theirs"}, 1));
  EXPECT_EQ(world.read(1), "(later)");
  world.log.answer_ends();
  world.turn();
  EXPECT_THAT(world.answers(), IsEmpty());
  world.log.hold_entries = false;
  world.turn();
  EXPECT_THAT(world.answers(), ElementsAre("1 $6\r\ntheirs"));
}

TEST(Sequencer, OneQuestionServesAllReadsThatCameBeforeIt) {
  World world;
  world.log.end_at_once = false;
  EXPECT_EQ(world.read(1), "(later)");
  EXPECT_EQ(world.log.questions(), 1);
  EXPECT_EQ(world.read(2), "(later)");
  EXPECT_EQ(world.read(3), "(later)");
  world.turn();
  EXPECT_EQ(world.log.questions(), 1);  // the next goes out when this was answered
  world.log.answer_ends();
  world.log.append_of_another(world.foreign({"SET", "k", "theirs"}, 1));
  world.turn();
  EXPECT_THAT(world.answers(), ElementsAre("1 $6\r\ntheirs"));
  EXPECT_EQ(world.log.questions(), 1);
  world.log.answer_ends();
  world.turn();
  EXPECT_THAT(world.answers(), ElementsAre("2 $6\r\ntheirs", "3 $6\r\ntheirs"));
  EXPECT_EQ(world.log.questions(), 0);
}

TEST(Sequencer, AReadStaysBeforeTheWriteThatCameAfterIt) {
  World world;
  world.log.end_at_once = false;
  EXPECT_EQ(world.read(1), "(later)");
  ASSERT_TRUE(world.write(2, {"SET", "k", "2"}));
  world.turn();
  world.land();
  EXPECT_THAT(world.answers(), ElementsAre("1 $-1", "2 +OK"));
}

TEST(Sequencer, WithoutTheLogsEndReadsAreUnavailable) {
  World world;
  world.log.end_at_once = false;
  EXPECT_EQ(world.read(1), "(later)");
  world.log.fail_ends();
  world.turn();
  EXPECT_THAT(world.answers(), ElementsAre(StartsWith("1 -UNAVAILABLE ")));
}

TEST(Sequencer, ARefusedQuestionFailsItsReadOnly) {
  World world;
  world.log.end_refusal = fail(Code::unavailable, "cut off");
  EXPECT_EQ(world.read(1), "-UNAVAILABLE cut off\r\n");
  world.log.end_refusal = {};
  EXPECT_EQ(world.read(2), "$-1\r\n");
  EXPECT_TRUE(world.sequencer.idle());
}

TEST(Sequencer, ARefusedAppendAnswersItsWholeBatchAndAppliesNothing) {
  World world;
  world.log.refusal = fail(Code::unavailable, "the disk is full");
  ASSERT_TRUE(world.write(1, {"SET", "k", "1"}));
  EXPECT_EQ(world.read(2, true), "(later)");
  ASSERT_TRUE(world.write(3, {"SET", "k", "2"}));
  world.turn();
  world.turn();
  EXPECT_THAT(world.answers(), ElementsAre("1 -UNAVAILABLE the disk is full",
                                           "3 -UNAVAILABLE the disk is full", "2 $-1"));
  EXPECT_FALSE(world.sequencer.writable());
  world.log.refusal = {};
  ASSERT_TRUE(world.write(4, {"GETSET", "k", "4"}));
  world.turn();
  world.land();
  EXPECT_THAT(world.answers(), ElementsAre("4 $-1"));
  EXPECT_TRUE(world.sequencer.writable());
}

TEST(Sequencer, AFailedAppendSaysWhetherItMayHaveHappened) {
  World world;
  ASSERT_TRUE(world.write(1, {"SET", "k", "1"}));
  world.turn();
  ASSERT_TRUE(world.write(2, {"SET", "k", "2"}));
  world.turn();
  world.log.fail(Code::unknown);
  world.log.fail(Code::busy);
  world.turn();
  EXPECT_THAT(world.answers(), ElementsAre(StartsWith("1 -UNKNOWN "), StartsWith("2 -BUSY ")));
  EXPECT_TRUE(world.sequencer.idle());
  world.log.land_lost();  // it had happened after all
  world.turn();
  EXPECT_THAT(world.answers(), IsEmpty());
  EXPECT_EQ(world.read(3), "$1\r\n1\r\n");
}

TEST(Sequencer, WhatWasOvertakenByALaterEntryIsNotApplied) {
  World world;
  ASSERT_TRUE(world.write(1, {"SET", "k", "1"}));
  world.turn();
  world.log.fail(Code::unknown);
  ASSERT_TRUE(world.write(2, {"SET", "k", "2"}));
  world.turn();
  world.land();
  world.log.land_lost();
  world.turn();
  EXPECT_EQ(world.read(3), "$1\r\n2\r\n");
}

TEST(Sequencer, AnEntryWhoseCopyCameFirstIsUnknownAndCountsOnce) {
  World world;
  ASSERT_TRUE(world.write(1, {"INCR", "k"}));
  world.turn();
  world.log.append_of_another(world.log.first_under_way());
  world.land();
  EXPECT_THAT(world.answers(), ElementsAre(StartsWith("1 -UNKNOWN ")));
  EXPECT_TRUE(world.sequencer.idle());
  EXPECT_EQ(world.read(2), "$1\r\n1\r\n");
  ASSERT_TRUE(world.write(3, {"INCR", "k"}));
  world.turn();
  world.land();
  EXPECT_THAT(world.answers(), ElementsAre("3 :2"));
}

TEST(Sequencer, PastItsDeadlineAWriteIsUnavailableOnlyIfItWasNotAppended) {
  World world({.incarnation = 7, .appends_in_flight_max = 1, .request_timeout = Millis(100)});
  ASSERT_TRUE(world.write(1, {"INCR", "k"}));
  world.turn();
  ASSERT_TRUE(world.write(2, {"INCR", "k"}));
  EXPECT_EQ(world.read(3, true), "(later)");
  world.now += Millis(50);
  ASSERT_TRUE(world.write(4, {"INCR", "k"}));
  world.now += Millis(50);
  world.turn();
  EXPECT_THAT(world.answers(), ElementsAre(StartsWith("1 -UNKNOWN "), StartsWith("2 -UNAVAILABLE "),
                                           StartsWith("3 -UNAVAILABLE ")));
  world.land();  // the first is applied, its late result dropped; the second never
  world.land();
  EXPECT_THAT(world.answers(), ElementsAre("4 :2"));
  EXPECT_EQ(world.sequencer.counters().timeouts, 3);
  EXPECT_EQ(world.sequencer.queued_bytes(), 0);
}

TEST(Sequencer, AnEntryOfWhichAllWasGivenUpIsNotAppended) {
  World world({.incarnation = 7, .appends_in_flight_max = 1, .request_timeout = Millis(100)});
  ASSERT_TRUE(world.write(1, {"INCR", "k"}));
  world.turn();
  ASSERT_TRUE(world.write(2, {"INCR", "k"}));
  world.now += Millis(100);
  world.turn();
  world.land();
  EXPECT_EQ(world.log.entries(), 1);
  ASSERT_TRUE(world.write(3, {"INCR", "k"}));
  world.turn();
  world.land();
  EXPECT_THAT(world.answers(),
              ElementsAre(StartsWith("1 -UNKNOWN "), StartsWith("2 -UNAVAILABLE "), "3 :2"));
}

TEST(Sequencer, OverItsQueueNewWorkIsBusy) {
  World world({.incarnation = 7, .queued_bytes_max = 10'000});
  const std::string text(1'000, 'x');
  std::uint64_t taken = 0;
  while (world.write(taken, {"SET", "k", text})) ++taken;
  EXPECT_GE(taken, 8);
  EXPECT_LE(world.sequencer.queued_bytes(), 10'000);
  EXPECT_EQ(world.write(99, {"SET", "k", text}).error().code, Code::busy);
  world.turn();
  world.land();
  EXPECT_TRUE(world.write(100, {"SET", "k", text}));
}

TEST(Sequencer, DeferredReadsAreBoundedToo) {
  World world({.incarnation = 7, .queued_bytes_max = 10'000});
  world.log.end_at_once = false;
  std::uint64_t waiting = 0;
  while (world.read(waiting) == "(later)") ASSERT_LT(++waiting, 1'000);
  EXPECT_THAT(world.read(999), StartsWith("-BUSY "));
}

TEST(Sequencer, WhatTheLogCannotCarryIsRefusedBeforeItIsTaken) {
  World world;
  EXPECT_EQ(world.write(1, {"GETDEL"}).error().code, Code::err);
  const Request request{.lines = {{"VOID", "id", "accounts"}}, .transaction = true};
  const Parts parts(request);
  EXPECT_FALSE(world.sequencer.write({.keyspace = accounts,
                                      .caller = {},
                                      .request_id = {},
                                      .calls = parts.calls,
                                      .transaction = true},
                                     {1, 1}, world.now));
  EXPECT_TRUE(world.sequencer.idle());
}

TEST(Sequencer, StartAppliesWhatTheLogHolds) {
  std::unique_ptr<Store> store = make_memory_store();
  TestHost host{*store};
  Machine machine{commands(), host};
  TestLog log;
  Sink sink;
  EntryBuilder builder;
  add(builder, {.lines = {{"SET", "k", "1"}}});
  log.append_of_another(builder.take({1, 1}, noon));
  Sequencer sequencer(log, machine, sink, {.incarnation = 7});
  ASSERT_TRUE(sequencer.start());
  EXPECT_EQ(machine.applied(), Position{1});
  EXPECT_EQ(sequencer.counters().entries, 1);
}

TEST(Sequencer, AnEntryThatIsNoneStopsEverythingBehindIt) {
  World world;
  ASSERT_TRUE(world.write(1, {"SET", "k", "1"}));
  world.turn();
  ASSERT_TRUE(world.write(2, {"SET", "k", "2"}));
  world.log.append_of_another("no entry");
  world.turn();
  EXPECT_THAT(world.answers(),
              ElementsAre(StartsWith("1 -UNKNOWN "), StartsWith("2 -UNAVAILABLE ")));
  EXPECT_FALSE(world.write(3, {"SET", "k", "3"}));
  EXPECT_THAT(world.read(4), StartsWith("-UNAVAILABLE "));
  EXPECT_THAT(world.sequencer.writable().error().message, HasSubstr("entry 1"));
  world.land();
  EXPECT_EQ(world.machine.applied(), Position{0});
  EXPECT_TRUE(world.sequencer.idle());
}

TEST(Sequencer, AnEntryThatIsNoneAnswersReadsThatWait) {
  World world;
  world.log.end_at_once = false;
  EXPECT_EQ(world.read(1), "(later)");
  EXPECT_EQ(world.read(2), "(later)");
  world.log.append_of_another("no entry");
  world.turn();
  EXPECT_THAT(world.answers(),
              ElementsAre(StartsWith("1 -UNAVAILABLE "), StartsWith("2 -UNAVAILABLE ")));
  world.log.answer_ends();  // nobody waits for it any more
  world.turn();
  EXPECT_THAT(world.answers(), IsEmpty());
}

TEST(Sequencer, StartSaysThatAnEntryIsNone) {
  std::unique_ptr<Store> store = make_memory_store();
  TestHost host{*store};
  Machine machine{commands(), host};
  TestLog log;
  log.append_of_another("no entry");
  Sink sink;
  Sequencer sequencer(log, machine, sink, {.incarnation = 7});
  EXPECT_EQ(sequencer.start().error().code, Code::corrupt);
}

}  // namespace
}  // namespace holdfast::strong
