// SPDX-License-Identifier: Apache-2.0
// One replica's own behaviour: what it refuses, remembers, defers and erases.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/request_id.h"
#include "eventual/origin_entry.h"
#include "eventual/test_lines.h"

namespace holdfast::eventual::testing {
namespace {

// ---- A node without peers

TEST(LoneReplica, KeepsNoBooks) {
  TestReplica a(1);
  a.run(add("k", 5), "id");
  a.run(hset("h", "f", "v"));
  a.run(set("k", "9"));
  a.run(del("h"));
  EXPECT_EQ(see(a, "k"), "'9'");
  EXPECT_EQ(see(a, "h"), "");
  a.replica().tidy(a.wall);
  EXPECT_EQ(a.replica().counters().unstable, 0U);
  EXPECT_EQ(a.replica().counters().operations, 4U);
}

TEST(LoneReplica, AnOperationWithoutEffectAndIdAddsNothing) {
  TestReplica a(1);
  EXPECT_FALSE(a.run({"EFFECTS"}).executed.wrote);
  EXPECT_EQ(a.replica().open_bytes(), 0U);
  EXPECT_TRUE(a.replica().merged().parts().empty());
  EXPECT_TRUE(a.run({"EFFECTS"}, "id").executed.wrote) << "what an id was told is remembered";
}

TEST(LoneReplica, ReplaysItsOwnLogBehindItsCheckpoint) {
  TestReplica a(1);
  a.write(add("k", 5), "one");
  a.checkpoint();
  a.write(add("k", 5), "two");
  a.write(sadd("s", "m"));
  const auto told = a.run({"REFUSE"}, "three");
  a.take();
  a.restart();
  EXPECT_EQ(see(a, "k"), "'10'");
  EXPECT_EQ(see(a, "s"), "[m]");
  EXPECT_EQ(a.run(add("k", 5), "one").executed.replay, Replay::reply);
  EXPECT_EQ(a.run(add("k", 5), "two").executed.replay, Replay::reply);
  EXPECT_EQ(a.run({"REFUSE"}, "three").reply, told.reply);
  EXPECT_EQ(see(a, "k"), "'10'");
  const std::string next = a.write(add("k", 1));
  EXPECT_EQ(EntryReader::open(next)->first_sequence(), 5U);
}

TEST(LoneReplica, ItsClockNeverGoesBackOverARestart) {
  TestReplica a(1);
  a.wall += Millis(1000);
  a.write(set("k", "1"));
  a.checkpoint();
  const HybridTime before = a.replica().clock();
  a.restart();
  a.wall -= Millis(1000);
  a.run(set("k", "2"));
  EXPECT_GT(a.replica().clock(), before);
}

TEST(LoneReplica, ErasesWhatExpiredByItsOwnClock) {
  TestReplica a(1);
  a.run(set("k", "v"));
  a.run(expire("k", a.wall + Millis(10)));
  a.run(add("n", 1));
  a.run(expire("n", a.wall + Millis(10)));
  a.wall += Millis(10);
  a.run(add("n", 1));
  EXPECT_EQ(see(a, "n"), "'1'") << "begun anew, without expiry";
  EXPECT_EQ(a.table().size(), 2U);
  a.replica().tidy(a.wall);
  EXPECT_EQ(a.table().size(), 1U);
}

TEST(LoneReplica, ATransactionIsOneOperationSeenAsItGoes) {
  TestReplica a(1);
  const auto answer = a.transact({set("k", "1"), add("k", 4), {"SEE", "k"}}, "id");
  EXPECT_EQ(answer.reply, "*3\r\n$8\r\nstring 1\r\n$8\r\nstring 5\r\n$8\r\nstring 5\r\n");
  EXPECT_EQ(a.replica().merged().at(a.self()), 1U);
  EXPECT_EQ(a.transact({set("k", "1"), add("k", 4), {"SEE", "k"}}, "id").reply, answer.reply);
  EXPECT_EQ(see(a, "k"), "'5'");
}

// ---- Request ids

TEST(RequestIds, AnotherOperationUnderAKnownIdIsRefused) {
  TestReplica a(1);
  a.run(add("k", 5), "id");
  EXPECT_TRUE(a.reply(add("k", 6), "id").starts_with("-IDREUSED "));
  EXPECT_TRUE(a.transact({add("k", 5)}, "id").reply.starts_with("-IDREUSED "));
  EXPECT_EQ(see(a, "k"), "'5'");
}

TEST(RequestIds, AreTheCallersOwn) {
  TestReplica a(1);
  a.run(add("k", 5), "id", ServiceId{1});
  a.run(add("k", 5), "id", ServiceId{2});
  EXPECT_EQ(see(a, "k"), "'10'");
}

TEST(RequestIds, RefusalsOfTheStateAreRememberedOthersAreNot) {
  TestReplica a(1);
  EXPECT_TRUE(a.run({"REFUSE"}, "one").executed.wrote);
  EXPECT_EQ(a.run({"REFUSE"}, "one").executed.replay, Replay::reply);
  EXPECT_FALSE(a.run({"NEVER"}, "two").executed.wrote);
  EXPECT_TRUE(a.reply({"NEVER"}, "two").starts_with("-UNSUPPORTED "));
  EXPECT_FALSE(a.run({"INCRBY", "k", "x"}, "three").executed.wrote &&
               a.reply({"INCRBY", "k", "x"}, "three").starts_with("-ERR syntax"));
  EXPECT_EQ(a.run(add("k", 1), "two").executed.replay, Replay::none) << "really runs";
}

TEST(RequestIds, AReadPassesThroughUnrecorded) {
  TestReplica a(1);
  EXPECT_FALSE(a.run({"SEE", "k"}, "id").executed.wrote);
  a.run(add("k", 1), "id");
  EXPECT_EQ(see(a, "k"), "'1'");
}

TEST(RequestIds, AUuid7OutsideTheWindowIsRefused) {
  TestReplica a(1, {}, Millis(10'000));
  a.wall += Millis(3'600'000);
  const std::string old = make_uuid7(a.wall - Millis(10'001), 1, 1);
  const std::string in_time = make_uuid7(a.wall - Millis(10'000), 1, 1);
  const std::string ahead = make_uuid7(a.wall + Millis(limits::request_id_ahead_ms_max + 1), 1, 1);
  EXPECT_TRUE(a.reply(add("k", 1), old).starts_with("-IDEXPIRED "));
  EXPECT_TRUE(a.reply(add("k", 1), ahead).starts_with("-IDEXPIRED "));
  EXPECT_EQ(see(a, "k"), "");
  a.run(add("k", 1), in_time);
  EXPECT_EQ(see(a, "k"), "'1'");
}

TEST(RequestIds, NewOnesAreBusyAtTheirLimitKnownOnesAreNot) {
  TestReplica a(1);
  a.run(add("k", 1), "known");
  a.state().ids_bytes_max = 1;
  EXPECT_TRUE(a.reply(add("k", 1), "new").starts_with("-BUSY "));
  EXPECT_EQ(a.run(add("k", 1), "known").executed.replay, Replay::reply);
  a.run(add("k", 1));
  EXPECT_EQ(see(a, "k"), "'2'");
}

TEST(RequestIds, OnceTheWindowHasPassedEverywhereAnIdIsANewOperation) {
  const Millis retain(1'000);
  TestReplica a{1, origins({1, 2}), retain}, b{2, origins({1, 2}), retain};
  ASSERT_TRUE(b.receive(a.self(), a.write(add("k", 5), "id")));
  // b does not know that a knows that b has it: it must keep it.
  a.wall += Millis(5'000'000);
  b.wall += Millis(5'000'000);
  b.replica().tidy(b.wall);
  EXPECT_EQ(b.run(add("k", 5), "id").executed.replay, Replay::reply);
  a.replica().acknowledged(b.self(), b.replica().merged());
  a.replica().tidy(a.wall);
  EXPECT_EQ(a.run(add("k", 5), "id").executed.replay, Replay::none);
  EXPECT_EQ(see(a, "k"), "'10'");
  ASSERT_TRUE(b.receive(a.self(), a.take()));
  EXPECT_EQ(see(b, "k"), "'10'");
  settle({&a, &b});
  EXPECT_EQ(see(b, "k"), "'10'");
}

// ---- Merging

TEST(Receiving, RepeatsAreIgnoredAndCausesAreWaitedFor) {
  TestReplica a{1, origins({1, 2, 3})}, b{2, origins({1, 2, 3})}, c{3, origins({1, 2, 3})};
  const std::string cause = a.write(add("k", 1));
  ASSERT_TRUE(b.receive(a.self(), cause));
  const std::string effect = b.write(set("k", "x"));
  ASSERT_TRUE(c.receive(b.self(), effect));
  EXPECT_EQ(see(c, "k"), "");
  EXPECT_GT(c.replica().counters().waiting_bytes, 0U);
  ASSERT_TRUE(c.receive(b.self(), effect));
  ASSERT_TRUE(c.receive(a.self(), cause));
  ASSERT_TRUE(c.receive(a.self(), cause));
  EXPECT_EQ(see(c, "k"), "'x'");
  EXPECT_EQ(c.replica().counters().waiting_bytes, 0U);
  EXPECT_EQ(c.replica().counters().merged, 2U);
}

TEST(Receiving, WhatWaitsIsBounded) {
  TestReplica a(1), b(2);
  std::vector<std::string> entries(20);
  for (std::string& entry : entries) entry = a.write(set("k", std::string(100'000, 'x')));
  class OnlyHost : public Host {
   public:
    explicit OnlyHost(State& state) : state_(state) {}
    State* eventual_state(KeyspaceId) override { return &state_; }

   private:
    State& state_;
  } host(b.state());
  Replica small(commands(), host, b.store(), {.self = {2}, .waiting_bytes_max = 1'000'000});
  Status status;
  std::size_t kept = 0;
  for (std::size_t i = 1; i < entries.size(); ++i) {
    status = small.receive(a.self(), entries[i]);
    kept += status.has_value() ? 1 : 0;
  }
  EXPECT_EQ(kept, 9U);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::busy);
  for (const std::string& entry : entries) EXPECT_TRUE(small.receive(a.self(), entry));
  EXPECT_EQ(small.merged().at(a.self()), 20U);
}

// What the operations of an entry saw is said once, at its head.
TEST(Receiving, NothingIsMergedWhileAnEntryIsOpen) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  const std::string from_a = a.write(add("k", 1));
  b.run(add("k", 2));
  ASSERT_TRUE(b.receive(a.self(), from_a));
  EXPECT_EQ(see(b, "k"), "'2'");
  const std::string from_b = b.take();
  EXPECT_EQ(see(b, "k"), "'3'");
  EXPECT_EQ(EntryReader::open(from_b)->seen().at(a.self()), 0U);
  EXPECT_EQ(EntryReader::open(b.write(add("k", 2)))->seen().at(a.self()), 1U);
}

TEST(Receiving, AClockFarAheadIsNotFollowed) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  a.wall += Millis(limits::clock_ahead_ms_max);
  b.run(add("own", 1));
  b.take();
  EXPECT_TRUE(b.receive(a.self(), a.write(add("k", 1))));
  a.wall += Millis(1'000);
  const std::string wrong = a.write(add("k", 1));
  const Status refused = b.receive(a.self(), wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  b.replica().observe(a.replica().clock());
  EXPECT_LT(b.replica().clock(), a.replica().clock());
  b.wall += Millis(1'000);
  b.run(add("own", 1));
  b.take();
  EXPECT_TRUE(b.receive(a.self(), wrong)) << "its time has come";
  EXPECT_EQ(see(b, "k"), "'2'");
}

// The machine's clock was set forward by hours between the last checkpoint and the
// crash: what the node's own log then holds it has taken once.
TEST(Receiving, ALogIsReplayedHoweverFarItsClockIsAheadOfTheCheckpoints) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  b.run(add("own", 1));
  b.take();
  b.checkpoint();
  a.wall += Millis(3 * limits::clock_ahead_ms_max);
  b.wall += Millis(3 * limits::clock_ahead_ms_max);
  b.run(add("own", 1));
  b.take();
  ASSERT_TRUE(b.receive(a.self(), a.write(add("k", 1))));
  b.restart();
  EXPECT_EQ(see(b, "k"), "'1'");
  EXPECT_EQ(see(b, "own"), "'2'");
}

TEST(Receiving, BytesThatAreNoEntryChangeNothing) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  const std::string entry = a.write(add("k", 1));
  EXPECT_EQ(b.receive(a.self(), "rubbish").error().code, Code::corrupt);
  EXPECT_EQ(b.receive(a.self(), entry.substr(0, entry.size() - 1)).error().code, Code::corrupt);
  EXPECT_EQ(b.receive(OriginId{5}, entry).error().code, Code::corrupt) << "another's name on it";
  EXPECT_TRUE(b.replica().merged().parts().empty());
}

TEST(Receiving, OperationsOfADroppedKeyspaceCountAsMerged) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  b.dropped = true;
  ASSERT_TRUE(b.receive(a.self(), a.write(add("k", 1), "id")));
  EXPECT_EQ(b.replica().merged().at(a.self()), 1U);
  EXPECT_TRUE(b.reply(add("k", 1)).starts_with("-UNAVAILABLE "));
}

// Were it to go on, it would use sequences again that peers may know already.
TEST(Receiving, WhileItsOwnPastWaitsNothingNewIsWritten) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  const std::string cause = a.write(add("k", 1));
  ASSERT_TRUE(b.receive(a.self(), cause));
  const std::string own = b.write(add("k", 1));
  TestReplica again{2, origins({1, 2})};
  ASSERT_TRUE(again.receive(again.self(), own));
  EXPECT_TRUE(again.reply(add("k", 1)).starts_with("-UNAVAILABLE "));
  ASSERT_TRUE(again.receive(a.self(), cause));
  again.run(add("k", 1));
  EXPECT_EQ(see(again, "k"), "'3'");
  EXPECT_EQ(again.replica().merged().at(again.self()), 2U);
}

TEST(Dropping, EverythingOfTheKeyspaceGoes) {
  TestReplica a{1, origins({1, 2})};
  a.run(add("k", 1), "id");
  a.run(hset("h", "f", "v"));
  a.take();
  a.checkpoint();
  a.dropped = true;
  a.replica().drop(likes);
  a.checkpoint();
  bool any_key = false;
  ASSERT_TRUE(a.store().scan(Family::open, {}, {}, [&](std::string_view key, std::string_view) {
    any_key = any_key || key[4] == 2;
    return true;
  }));
  EXPECT_FALSE(any_key);
  a.replica().acknowledged(OriginId{2}, a.replica().merged());
  while (a.replica().tidy(a.wall)) {
  }
  a.replica().tidy(a.wall);
  EXPECT_EQ(a.replica().counters().unstable, 0U);
}

// What a start has yet to fold goes with the keyspace that the log then drops.
TEST(Dropping, WhatWasLoadedToBeFoldedGoesToo) {
  TestReplica a{1, origins({1, 2})};
  a.write({"SET", "k", "v"});
  a.write({"DEL", "k"});
  a.checkpoint();
  a.restart();
  a.replica().drop(likes);
  a.dropped = true;
  a.replica().tidy(a.wall);
  EXPECT_EQ(a.replica().counters().open_keys, 0U);
}

TEST(Loading, DamagedBytesAreRefused) {
  TestReplica a{1, origins({1, 2})};
  a.run(add("k", 1), "id");
  a.take();
  const std::string bytes = a.replica().encode();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    TestReplica b(1);
    EXPECT_FALSE(b.replica().load(std::string_view(bytes).substr(0, size))) << size;
  }
}

// Who starts has nobody beside it before it has read who there is.
TEST(Light, OperationsOutlastATimeWithoutMembers) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  a.write(set("k", "5"));
  const std::string early = a.write(add("k", 1));
  b.write(set("k", "7"));
  a.checkpoint();
  a.restart();
  a.replica().set_members({});
  a.replica().set_members(origins({1, 2}));
  b.wall += Millis(5);
  ASSERT_TRUE(a.receive(b.self(), b.write(del("k"))));
  EXPECT_EQ(see(a, "k"), "'6'") << "the other had not seen it";
}

// The caller's mistake: one id, two operations; the first by clock counts. Who saw the other saw
// it.
TEST(Light, OperationsWithIdsAreSeenByWhatRemovesBehindThem) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  for (const char* key : {"closed", "open", "other"})
    ASSERT_TRUE(b.receive(a.self(), a.write(set(key, "1"))));
  settle({&a, &b});
  b.transact({add("closed", 5), add("open", 5)}, "id");
  const std::string first = b.take();
  a.wall += Millis(5);
  a.write(expire("open", a.wall + Millis(60'000)));
  a.write(add("other", 1), "id");
  a.write(del("closed"));
  a.write(del("open"));
  ASSERT_TRUE(a.receive(b.self(), first));
  EXPECT_EQ(see(a, "closed"), "");
  EXPECT_EQ(see(a, "open"), "");
  EXPECT_EQ(see(a, "other"), "'1'");
  EXPECT_EQ(a.replica().audit(), std::nullopt);
}

// What is light of an operation may be asked for when the rest of it has been found stable.
TEST(Light, AnOperationThatWasFoldedInPartIsFoldedWhole) {
  const std::vector<OriginId> three = origins({1, 2, 3});
  TestReplica a{1, three}, b{2, three};
  for (const char* key : {"open", "light"})
    ASSERT_TRUE(b.receive(a.self(), a.write(hset(key, "f", "1"))));
  ASSERT_TRUE(a.receive(b.self(), b.write(set("first", "1"))));  // holds the light ones back
  const std::string removal = b.write(del("open"), "id");
  a.transact({hset("open", "f", "2"), hset("light", "f", "2")});
  a.take();
  ASSERT_TRUE(a.receive(b.self(), removal));
  VersionVector without_b = a.replica().merged();
  without_b.erase(b.self());
  const auto acknowledge = [&](const VersionVector& by_third) {
    a.replica().acknowledged(three[0], a.replica().merged(), a.replica().clock());
    a.replica().acknowledged(three[1], a.replica().merged(), a.replica().clock());
    a.replica().acknowledged(three[2], by_third, a.replica().clock());
    while (a.replica().tidy(a.wall)) {
    }
  };
  acknowledge(without_b);
  EXPECT_NE(a.replica().counters().open_keys, 0u);
  (void)a.replica().explain(likes, "light", {});
  EXPECT_EQ(a.replica().audit(), std::nullopt);
  acknowledge(a.replica().merged());
  EXPECT_EQ(see(a, "open") + see(a, "light"), "{f:2}{f:2}");
  EXPECT_EQ(a.replica().counters().open_keys, 0u);
  EXPECT_EQ(a.replica().counters().unstable, 0u);
}

TEST(Light, OperationsAreDoneWithWhereThereIsNobodyElse) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  ASSERT_TRUE(b.receive(a.self(), a.write(set("k", "5"))));
  settle({&a, &b});
  a.write(add("k", 1));
  a.replica().set_members({});
  a.write(set("k", "9"));  // directly: the increment is not to be found any more
  a.replica().set_members(origins({1, 2}));
  b.wall += Millis(5);
  ASSERT_TRUE(a.receive(b.self(), b.write(set("k", "20"))));
  EXPECT_EQ(see(a, "k"), "'20'");
}

// Where an operation's effects are partly light and partly not, it is one operation still: its row
// stays as long as an item of any of them does.
TEST(Light, AnOperationIsOneWhereSomeOfItsEffectsAreLight) {
  const std::vector<OriginId> three = origins({1, 2, 3});
  TestReplica a{1, three}, b{2, three};
  for (const char* key : {"x", "y", "z"}) ASSERT_TRUE(b.receive(a.self(), a.write(set(key, "1"))));
  a.transact({add("x", 1), expire("y", a.wall + Millis(60'000)), add("z", 1)});
  a.take();
  a.checkpoint();
  a.restart();
  // It becomes whole at the first key by one that all have, at the other by one that holds back
  // what it did not see, and that not all have.
  b.wall += Millis(5);
  ASSERT_TRUE(a.receive(b.self(), b.write(set("x", "10"))));
  const VersionVector acknowledged = a.replica().merged();
  ASSERT_TRUE(a.receive(b.self(), b.write(set("z", "20"), "id")));
  EXPECT_EQ(see(a, "x") + see(a, "z"), "'11''21'");
  a.checkpoint();
  for (const OriginId member : three)
    a.replica().acknowledged(member, acknowledged, a.replica().clock());
  while (a.replica().tidy(a.wall)) {
  }
  EXPECT_EQ(a.replica().audit(), std::nullopt);
  a.checkpoint();
  a.restart();
  EXPECT_EQ(a.replica().audit(), std::nullopt);
  EXPECT_EQ(see(a, "x") + see(a, "z"), "'11''21'");
}

}  // namespace
}  // namespace holdfast::eventual::testing
