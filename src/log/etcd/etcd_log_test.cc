// SPDX-License-Identifier: Apache-2.0
#include "log/etcd/etcd_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "log/etcd/keys.h"
#include "log/etcd/test_world.h"

namespace holdfast::etcd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Node;
using testing::run;
using testing::start;
using State = LogHealth::State;

const Keys keys("test");

// Appends that land one after the other.
void append_all(FakeEtcd& etcd, Node& node, int count, Log::Token first = 1) {
  for (int i = 0; i < count; ++i) {
    const Log::Token token = first + static_cast<Log::Token>(i);
    ASSERT_TRUE(node.append("entry " + std::to_string(token), token));
    run(etcd, {&node}, Millis(20));
  }
}

TEST(EtcdLog, AppendsOfTwoNodesComeToBothInOneOrder) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  Node& b = *nodes[1];
  ASSERT_TRUE(a.append("a1", 1));
  ASSERT_TRUE(b.append("b1", 1));
  ASSERT_TRUE(a.append("a2", 2));
  run(etcd, {&a, &b}, Millis(100));
  EXPECT_EQ(a.payloads(), b.payloads());
  ASSERT_EQ(a.entries.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(a.entries[i].position, b.entries[i].position);
    EXPECT_NE(a.entries[i].token != 0, b.entries[i].token != 0) << "each has one appender";
  }
  EXPECT_EQ(a.log->ordinal(), 3U);
}

TEST(EtcdLog, EightInFlightLandInTheOrderOfTheCallsThoughTheyOvertakeEachOther) {
  FakeEtcd etcd;
  etcd.faults.delay_max = Millis(40);
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  run(etcd, {&a}, Millis(200));
  for (Log::Token i = 1; i <= 8; ++i) ASSERT_TRUE(a.append(std::to_string(i), i));
  run(etcd, {&a}, Millis(3'000));
  EXPECT_THAT(a.payloads(), ElementsAre("1", "2", "3", "4", "5", "6", "7", "8"));
  EXPECT_GT(a.log->counters().appends_overtaken, 0U);
  EXPECT_EQ(a.log->counters().appends_given_up, 0U);
}

TEST(EtcdLog, BeforeEtcdAnsweredNothingIsTaken) {
  FakeEtcd etcd;
  Node a(etcd);
  a.client->cut(true);
  ASSERT_TRUE(a.follow());
  run(etcd, {&a}, Millis(3'000));
  EXPECT_EQ(a.state(), State::cut_off);
  EXPECT_EQ(a.append("x", 1).error().code, Code::unavailable);
  std::optional<Result<Position>> end;
  a.log->end(Millis(100), [&](Result<Position> answer) { end = std::move(answer); });
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->error().code, Code::unavailable);
  a.client->cut(false);
  run(etcd, {&a}, Millis(3'000));
  EXPECT_EQ(a.state(), State::ok);
  EXPECT_TRUE(a.append("x", 1));
}

TEST(EtcdLog, CutOffIsNoticedWithinTwoSecondsAndMended) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  Node& b = *nodes[1];
  a.client->cut(true);
  run(etcd, {&a, &b}, Millis(2'000));
  EXPECT_EQ(a.state(), State::cut_off);
  EXPECT_EQ(b.state(), State::ok);
  ASSERT_TRUE(b.append("meanwhile", 1));
  run(etcd, {&a, &b}, Millis(1'000));
  a.client->cut(false);
  run(etcd, {&a, &b}, Millis(3'000));
  EXPECT_EQ(a.state(), State::ok);
  EXPECT_THAT(a.payloads(), ElementsAre("meanwhile"));
}

TEST(EtcdLog, LostReplyIsAskedForAgainAndTheAppendLandsOnce) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  etcd.faults.reply_lost = 1;
  ASSERT_TRUE(a.append("once", 1));
  run(etcd, {&a}, Millis(500));
  EXPECT_THAT(a.entries, ElementsAre(Node::Entry{a.last().value, "once", 1}))
      << "the watch settles what no answer did";
  etcd.faults.reply_lost = 0;
  run(etcd, {&a}, Millis(3'000));
  EXPECT_EQ(a.entries.size(), 1U);
  EXPECT_EQ(etcd.keys(keys.entries_begin()).size(), 1U);
}

TEST(EtcdLog, WithoutWatchAndAnswerTheOutcomeIsUnknownInTime) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  ASSERT_TRUE(a.append("late", 1));
  ASSERT_TRUE(a.append("behind it", 2));
  etcd.advance(Millis(1));  // both are there; nothing comes back
  a.client->cut(true);
  run(etcd, {&a}, Millis(5'100));
  EXPECT_EQ(a.failed.at(1), Code::unknown);
  EXPECT_EQ(a.failed.at(2), Code::unknown);
  a.client->cut(false);
  run(etcd, {&a}, Millis(3'000));
  ASSERT_EQ(a.payloads().size(), 2U) << "they had landed";
  EXPECT_EQ(a.entries[0].token, 0U) << "their tokens are spent";
}

TEST(EtcdLog, WhatWasNeverSentIsCertainlyNotDone) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  etcd.faults.refused = 1;
  ASSERT_TRUE(a.append("x", 1));
  ASSERT_TRUE(a.append("y", 2));
  run(etcd, {&a}, Millis(5'200));
  EXPECT_EQ(a.failed.at(1), Code::unavailable);
  EXPECT_EQ(a.failed.at(2), Code::unavailable);
  etcd.faults.refused = 0;
  run(etcd, {&a}, Millis(3'000));
  EXPECT_THAT(a.entries, IsEmpty());
}

TEST(EtcdLog, AppendOutlastsAnElection) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  Node& b = *nodes[1];
  etcd.outage(Millis(1'300));
  etcd.end_watches();
  ASSERT_TRUE(a.append("through it", 1));
  run(etcd, {&a, &b}, Millis(4'000));
  EXPECT_EQ(a.entries.size(), 1U);
  EXPECT_EQ(a.entries[0].token, 1U);
  EXPECT_EQ(b.payloads(), a.payloads());
}

TEST(EtcdLog, TooLargeAnEntryIsRefused) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  const std::string largest(limits::etcd_entry_bytes_max, 'x');
  EXPECT_EQ(nodes[0]->append(largest + 'x', 1).error().code, Code::err);
  EXPECT_TRUE(nodes[0]->append(largest, 2));
}

TEST(EtcdLog, EndIsNeverBelowWhatWasAcknowledged) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  append_all(etcd, *nodes[0], 3);
  std::optional<Result<Position>> end;
  nodes[1]->log->end(Millis(1'000), [&](Result<Position> answer) { end = std::move(answer); });
  run(etcd, {nodes[0].get(), nodes[1].get()}, Millis(50));
  ASSERT_TRUE(end && end->has_value());
  EXPECT_EQ(**end, nodes[0]->last());
}

TEST(EtcdLog, OlderEtcdIsWarnedAbout) {
  FakeEtcd etcd;
  etcd.member_version = "3.4.23";
  const auto nodes = start(etcd, 1);
  ASSERT_EQ(nodes[0]->log->warnings().size(), 1U);
  EXPECT_THAT(nodes[0]->log->warnings()[0], HasSubstr("3.4.23"));
  FakeEtcd mended;
  const auto others = start(mended, 1);
  EXPECT_THAT(others[0]->log->warnings(), IsEmpty());
}

// ---- A watch that cannot be trusted

TEST(EtcdWatch, LostEventIsNoticedBeforeAnythingBehindItIsDelivered) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  Node& b = *nodes[1];
  b.client->lose_next(1);
  append_all(etcd, a, 3);
  run(etcd, {&a, &b}, Millis(200));
  EXPECT_EQ(b.payloads(), a.payloads());
  EXPECT_EQ(b.log->counters().watch_gaps, 1U);
  EXPECT_EQ(b.log->counters().refetches, 1U);
}

TEST(EtcdWatch, HalfARevisionIsNoticed) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  Node& b = *nodes[1];
  b.client->halve_next();
  append_all(etcd, a, 2);
  run(etcd, {&a, &b}, Millis(200));
  EXPECT_EQ(b.payloads(), a.payloads());
  EXPECT_EQ(b.log->counters().watch_gaps, 1U);
}

TEST(EtcdWatch, EventsOutOfOrderAreNoticed) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  Node& b = *nodes[1];
  b.client->swap_next();
  ASSERT_TRUE(a.append("1", 1));
  ASSERT_TRUE(a.append("2", 2));
  run(etcd, {&a, &b}, Millis(300));
  EXPECT_THAT(b.payloads(), ElementsAre("1", "2"));
}

TEST(EtcdWatch, RepeatsAreSkipped) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  Node& b = *nodes[1];
  b.client->repeat_next();
  append_all(etcd, a, 2);
  run(etcd, {&a, &b}, Millis(100));
  EXPECT_EQ(b.payloads(), a.payloads());
  EXPECT_EQ(b.log->counters().watch_repeats, 2U) << "the entry's and the tail's";
  EXPECT_EQ(b.log->counters().refetches, 0U);
}

TEST(EtcdWatch, EventsLostAtTheEndAreNoticedToo) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  Node& b = *nodes[1];
  b.client->silence_watch();
  append_all(etcd, a, 1);
  run(etcd, {&a, &b}, Millis(2'000));
  EXPECT_EQ(b.payloads(), a.payloads());
  EXPECT_EQ(b.log->counters().watch_silences, 1U);
}

TEST(EtcdWatch, FragmentsOfARevisionArePutTogether) {
  FakeEtcd etcd;
  etcd.faults.events_split = 1;
  const auto nodes = start(etcd, 1);
  append_all(etcd, *nodes[0], 3);
  EXPECT_EQ(nodes[0]->entries.size(), 3U);
  EXPECT_EQ(nodes[0]->log->counters().refetches, 0U);
}

TEST(EtcdWatch, CompactedHistoryIsMadeUpForByTheEntriesThemselves) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  Node& b = *nodes[1];
  b.client->cut(true);
  append_all(etcd, a, 200);
  etcd.compact(etcd.state().revision);
  b.client->cut(false);
  b.client->end_watch();
  run(etcd, {&a, &b}, Millis(3'000));
  EXPECT_EQ(b.payloads(), a.payloads());
  EXPECT_EQ(b.state(), State::ok);
}

// ---- Whose log it is

struct Checkpoint {
  Position position;
  std::string place;
};
Checkpoint checkpoint_of(const Node& node) {
  return {node.last(), node.log->place()};
}

TEST(EtcdIdentity, RestartGoesOnBehindItsCheckpoint) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  append_all(etcd, *nodes[0], 2);
  const Checkpoint at = checkpoint_of(*nodes[0]);
  append_all(etcd, *nodes[0], 2, 3);
  Node again(etcd, 9);
  ASSERT_TRUE(again.follow(at.position, at.place));
  run(etcd, {&again}, Millis(200));
  EXPECT_THAT(again.payloads(), ElementsAre("entry 3", "entry 4"));
  EXPECT_EQ(again.log->ordinal(), 4U);
}

TEST(EtcdIdentity, PlaceThatDoesNotFitThePositionIsCorrupt) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  append_all(etcd, *nodes[0], 1);
  Node again(etcd, 9);
  EXPECT_EQ(again.follow({1'000}, nodes[0]->log->place()).error().code, Code::corrupt);
  Node third(etcd, 10);
  EXPECT_EQ(third.follow({1}, "nonsense").error().code, Code::corrupt);
}

TEST(EtcdIdentity, RestoredBackupIsRefused) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  append_all(etcd, a, 2);
  const FakeEtcd::State backup = etcd.state();
  append_all(etcd, a, 2, 3);
  etcd.restore(backup);
  run(etcd, {&a}, Millis(5'000));
  EXPECT_EQ(a.state(), State::refused);
  EXPECT_THAT(a.log->health().reason, HasSubstr("went back"));
  EXPECT_EQ(a.append("x", 9).error().code, Code::unavailable);
}

TEST(EtcdIdentity, RestoredBackupThatHasGoneOnIsRefused) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  append_all(etcd, a, 2);
  const FakeEtcd::State backup = etcd.state();
  append_all(etcd, a, 2, 3);
  a.client->cut(true);
  run(etcd, {&a}, Millis(100));
  etcd.restore(backup);
  Node other(etcd, 7);
  ASSERT_TRUE(other.follow());
  run(etcd, {&other}, Millis(100));
  append_all(etcd, other, 5);
  a.client->cut(false);
  a.client->end_watch();
  run(etcd, {&a}, Millis(5'000));
  EXPECT_EQ(a.state(), State::refused) << a.log->health().reason;
  EXPECT_EQ(a.entries.size(), 4U);
}

TEST(EtcdIdentity, RevisionThatGoesBackUnderAConnectionIsNoticed) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  append_all(etcd, a, 2);
  FakeEtcd::State crashed = etcd.state();
  append_all(etcd, a, 2, 3);
  etcd.restore(crashed, false);
  run(etcd, {&a}, Millis(5'000));
  EXPECT_EQ(a.state(), State::refused);
}

TEST(EtcdIdentity, StaleAnswerIsDoubtedNotBelieved) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  append_all(etcd, a, 2);
  const FakeEtcd::State before = etcd.state();
  append_all(etcd, a, 1, 3);
  const FakeEtcd::State now = etcd.state();
  etcd.restore(before);
  run(etcd, {&a}, Millis(700));
  EXPECT_EQ(a.state(), State::cut_off);
  etcd.restore(now);
  run(etcd, {&a}, Millis(3'000));
  EXPECT_EQ(a.state(), State::ok);
  EXPECT_EQ(a.entries.size(), 3U);
  EXPECT_GT(a.log->counters().doubts, 0U);
}

TEST(EtcdIdentity, AnotherClusterIsRefused) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  append_all(etcd, *nodes[0], 1);
  FakeEtcd::State other = etcd.state();
  other.cluster_id = 0xABC;
  etcd.restore(other);
  run(etcd, {nodes[0].get()}, Millis(1'000));
  EXPECT_EQ(nodes[0]->state(), State::refused);
  EXPECT_THAT(nodes[0]->log->health().reason, HasSubstr("abc"));
}

TEST(EtcdIdentity, AnotherLogIsRefused) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  append_all(etcd, *nodes[0], 1);
  const Checkpoint at = checkpoint_of(*nodes[0]);
  etcd.put(keys.id(), "another");
  Node again(etcd, 9);
  ASSERT_TRUE(again.follow(at.position, at.place));
  run(etcd, {&again}, Millis(1'000));
  EXPECT_EQ(again.state(), State::refused);
  EXPECT_THAT(again.log->health().reason, HasSubstr("another log"));
}

TEST(EtcdIdentity, EntryDeletedByHandIsRefused) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  append_all(etcd, *nodes[0], 3);
  const Checkpoint at = checkpoint_of(*nodes[0]);
  etcd.erase(etcd.keys(keys.entries_begin()).back());
  Node again(etcd, 9);
  ASSERT_TRUE(again.follow(at.position, at.place));
  run(etcd, {&again}, Millis(1'000));
  EXPECT_EQ(again.state(), State::refused);
}

TEST(EtcdIdentity, EntryThatLiesAtAnotherPositionIsRefused) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  append_all(etcd, a, 2);
  const Checkpoint at = checkpoint_of(a);
  // As one that a restored etcd had not, and got again from a late copy.
  const std::string key = etcd.keys(keys.entries_begin()).back();
  const std::string value = etcd.find(key)->value;
  etcd.erase(key);
  etcd.put(key, value);
  Node again(etcd, 9);
  ASSERT_TRUE(again.follow(at.position, at.place));
  run(etcd, {&again}, Millis(1'000));
  EXPECT_EQ(again.state(), State::refused);
  EXPECT_THAT(again.log->health().reason, HasSubstr("another one"));
}

TEST(EtcdIdentity, EntryMissingBehindTheCheckpointIsRefused) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  append_all(etcd, a, 2);
  const Checkpoint at = checkpoint_of(a);
  append_all(etcd, a, 3, 3);
  etcd.erase(etcd.keys(keys.entries_begin())[3]);
  etcd.compact(etcd.state().revision);
  Node again(etcd, 9);
  ASSERT_TRUE(again.follow(at.position, at.place));
  run(etcd, {&again}, Millis(1'000));
  EXPECT_EQ(again.state(), State::refused);
  EXPECT_THAT(again.entries, IsEmpty());
}

TEST(EtcdIdentity, DamagedEntryIsRefused) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  append_all(etcd, *nodes[0], 1);
  FakeEtcd::State damaged = etcd.state();
  damaged.keys.find(etcd.keys(keys.entries_begin()).back())->second.back().value.back() ^= 1;
  etcd.restore(damaged);
  Node again(etcd, 9);
  ASSERT_TRUE(again.follow());
  run(etcd, {&again}, Millis(1'000));
  EXPECT_EQ(again.state(), State::refused);
  EXPECT_THAT(again.log->health().reason, HasSubstr("damaged"));
}

// ---- Trimming

TEST(EtcdTrim, NodeAtTheTrimmedPositionFollowsOnAndOneBeforeItIsBehind) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  append_all(etcd, a, 2);
  const Checkpoint early = checkpoint_of(a);
  append_all(etcd, a, 2, 3);
  const Checkpoint late = checkpoint_of(a);
  append_all(etcd, a, 2, 5);
  a.log->trim(late.position);
  run(etcd, {&a}, Millis(200));
  EXPECT_EQ(etcd.keys(keys.entries_begin()).size(), 3U) << "the one trimmed up to stays";
  etcd.compact(etcd.state().revision);

  Node at_it(etcd, 7), before(etcd, 8), fresh(etcd, 9);
  ASSERT_TRUE(at_it.follow(late.position, late.place));
  ASSERT_TRUE(before.follow(early.position, early.place));
  ASSERT_TRUE(fresh.follow());
  run(etcd, {&at_it, &before, &fresh}, Millis(500));
  EXPECT_THAT(at_it.payloads(), ElementsAre("entry 5", "entry 6"));
  EXPECT_EQ(before.state(), State::behind);
  EXPECT_EQ(fresh.state(), State::behind);
  EXPECT_THAT(before.entries, IsEmpty());
}

TEST(EtcdTrim, HistoryIsForgottenAtTheNextTrim) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 2);
  Node& a = *nodes[0];
  Node& b = *nodes[1];
  std::uint64_t most = 0;
  for (int round = 0; round < 20; ++round) {
    for (Log::Token i = 1; i <= 20; ++i) {
      ASSERT_TRUE(a.append(std::string(1'000, 'x'), static_cast<Log::Token>(round) * 20 + i));
      run(etcd, {&a, &b}, Millis(10));
    }
    a.log->trim(a.last());
    b.log->trim(a.last());
    run(etcd, {&a, &b}, Millis(1'100));
    if (round > 2) most = std::max(most, etcd.bytes());
  }
  EXPECT_LT(most, 60'000U);
  EXPECT_EQ(b.entries, [&] {
    auto all = a.entries;
    for (auto& entry : all) entry.token = 0;
    return all;
  }());
}

TEST(EtcdTrim, LateCopyOfATrimmedEntryIsNotSweptAwayWithOlderOnes) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  append_all(etcd, a, 5);
  const std::vector<std::string> entries = etcd.keys(keys.entries_begin());
  const std::string value = etcd.find(entries[1])->value;
  etcd.erase(entries[1]);
  run(etcd, {&a}, Millis(50));
  const Position up_to = a.last();
  // The copy's transaction, as its node sent it long ago.
  auto late = etcd.connect();
  late->transact({.compares = {{.key = entries[1], .kind = Compare::Kind::absent}},
                  .puts = {{.key = entries[1], .value = value}, {.key = keys.tail(), .value = {}}},
                  .deletes = {}},
                 Millis(100), [](const auto&) {});
  run(etcd, {&a}, Millis(50));
  ASSERT_EQ(a.entries.size(), 6U);
  a.log->trim(up_to);
  run(etcd, {&a}, Millis(3'000));
  EXPECT_THAT(etcd.keys(keys.entries_begin()), ElementsAre(entries[1], entries[4]));
}

TEST(EtcdSpace, UsedUpQuotaStopsAppendsAndTrimmingMendsIt) {
  FakeEtcd etcd;
  const auto nodes = start(etcd, 1);
  Node& a = *nodes[0];
  append_all(etcd, a, 10);
  etcd.quota_bytes = etcd.bytes();
  ASSERT_TRUE(a.append("one more fits, as etcd's does", 11));
  run(etcd, {&a}, Millis(50));
  ASSERT_TRUE(a.append("no room", 12));
  run(etcd, {&a}, Millis(50));
  EXPECT_EQ(a.failed.at(12), Code::unavailable);
  EXPECT_EQ(a.state(), State::cut_off);
  EXPECT_THAT(a.log->health().reason, HasSubstr("quota"));
  std::optional<Result<Position>> end;
  a.log->end(Millis(1'000), [&](Result<Position> answer) { end = std::move(answer); });
  run(etcd, {&a}, Millis(50));
  EXPECT_TRUE(end && end->has_value()) << "reads go on";

  a.log->trim(a.last());
  run(etcd, {&a}, Millis(5'000));
  EXPECT_FALSE(etcd.state().no_space);
  ASSERT_TRUE(a.append("room again", 13));
  run(etcd, {&a}, Millis(100));
  EXPECT_EQ(a.entries.back().payload, "room again");
}

}  // namespace
}  // namespace holdfast::etcd
