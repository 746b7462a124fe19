// SPDX-License-Identifier: Apache-2.0
// What concurrent operations come to: the table of 3-contract section 5, and
// every case in which a history found the replica wrong.
#include <gtest/gtest.h>

#include "base/wire.h"
#include "eventual/test_lines.h"

namespace holdfast::eventual::testing {
namespace {

int open_rows(TestReplica& replica) {
  int rows = 0;
  HF_ASSERT(replica.store().scan(Family::open, {}, {}, [&](std::string_view, std::string_view) {
    ++rows;
    return true;
  }));
  return rows;
}

class TwoReplicas : public ::testing::Test {
 protected:
  TwoReplicas() { b.wall += Millis(5); }
  /// Gives each what the other has written since.
  void exchange() {
    const bool a_wrote = a.replica().open_bytes() != 0;
    const bool b_wrote = b.replica().open_bytes() != 0;
    const std::string from_a = a_wrote ? a.take() : "";
    const std::string from_b = b_wrote ? b.take() : "";
    ASSERT_TRUE(!a_wrote || b.receive(a.self(), from_a));
    ASSERT_TRUE(!b_wrote || a.receive(b.self(), from_b));
  }
  std::string both(const std::string& key) {
    const std::string at_a = see(a, key);
    return at_a == see(b, key) ? at_a : at_a + " but " + see(b, key);
  }
  void fold() { settle({&a, &b}); }

  TestReplica a{1, origins({1, 2})};
  TestReplica b{2, origins({1, 2})};  // its clock is a little ahead
};

TEST_F(TwoReplicas, TheLaterSetWins) {
  a.run(set("k", "from a"));
  b.run(set("k", "from b"));
  exchange();
  EXPECT_EQ(both("k"), "'from b'");
  fold();
  EXPECT_EQ(both("k"), "'from b'");
}

TEST_F(TwoReplicas, OfEqualClocksTheGreaterOriginWins) {
  b.wall = a.wall;
  a.run(set("k", "from a"));
  b.run(set("k", "from b"));
  ASSERT_EQ(a.replica().clock(), b.replica().clock());
  exchange();
  EXPECT_EQ(both("k"), "'from b'");
}

TEST_F(TwoReplicas, EveryIncrementCounts) {
  a.run(add("k", 5));
  b.run(add("k", -2));
  b.run(add("k", 10));
  exchange();
  EXPECT_EQ(both("k"), "'13'");
  fold();
  a.run(add("k", 1));
  exchange();
  EXPECT_EQ(both("k"), "'14'");
}

TEST_F(TwoReplicas, ASetRemovesOnlyTheIncrementsItHadSeen) {
  a.run(add("k", 5));
  exchange();
  a.run(set("k", "100"));
  b.run(add("k", 7));
  exchange();
  EXPECT_EQ(both("k"), "'107'");
  fold();
  EXPECT_EQ(both("k"), "'107'");
}

TEST_F(TwoReplicas, ADeleteRemovesOnlyWhatItHadSeen) {
  a.run(add("k", 5));
  exchange();
  a.run(del("k"));
  b.run(add("k", 7));
  exchange();
  EXPECT_EQ(both("k"), "'7'");
}

TEST_F(TwoReplicas, ATextThatIsNoIntegerHidesIncrementsUntilItGoes) {
  a.run(set("k", "abc"));
  b.run(add("k", 7));
  exchange();
  EXPECT_EQ(both("k"), "'abc'");
  a.run(add("k", 1));
  exchange();
  EXPECT_EQ(both("k"), "'abc'");
  a.run(del("k"));
  exchange();
  EXPECT_EQ(both("k"), "");
}

TEST_F(TwoReplicas, SumsWrapAround) {
  a.run(add("k", INT64_MAX));
  b.run(add("k", 1));
  exchange();
  EXPECT_EQ(both("k"), "'-9223372036854775808'");
}

TEST_F(TwoReplicas, EveryFieldIsByItself) {
  a.run(hset("h", "name", "old"));
  a.run(hadd("h", "visits", 10));
  exchange();
  a.run(hset("h", "name", "from a"));
  a.run(hadd("h", "visits", 1));
  b.run(hdel("h", "name"));
  b.run(hadd("h", "visits", 2));
  b.run(hset("h", "city", "Bonn"));
  exchange();
  EXPECT_EQ(both("h"), "{city:Bonn}{name:from a}{visits:13}");
  fold();
  b.run(hdel("h", "name"));
  exchange();
  EXPECT_EQ(both("h"), "{city:Bonn}{visits:13}");
}

TEST_F(TwoReplicas, AnAddWinsOverAConcurrentRemove) {
  a.run(sadd("s", "x"));
  exchange();
  a.run(srem("s", "x"));
  b.run(sadd("s", "x"));
  exchange();
  EXPECT_EQ(both("s"), "[x]");
  b.run(srem("s", "x"));
  exchange();
  EXPECT_EQ(both("s"), "");
}

TEST_F(TwoReplicas, AStringHidesAHashHidesASet) {
  a.run(hset("k", "f", "1"));
  b.run(sadd("k", "m"));
  exchange();
  EXPECT_EQ(both("k"), "{f:1}");
  fold();
  a.run(hdel("k", "f"));  // uncovers what it hid
  exchange();
  EXPECT_EQ(both("k"), "[m]");
  b.run(set("k", "all"));  // removes all types it saw
  exchange();
  EXPECT_EQ(both("k"), "'all'");
  a.run(del("k"));
  exchange();
  EXPECT_EQ(both("k"), "");
  EXPECT_EQ(a.replica().digest(likes, a.wall), b.replica().digest(likes, b.wall));
}

TEST_F(TwoReplicas, AScoreIsTheLastWritersOrACounterAndAnAddWins) {
  a.run(zadd("z", "anna", "5"));
  a.run(zadd("z", "bert", "1.5"));
  exchange();
  a.run(zincr("z", "anna", 10));
  b.run(zincr("z", "anna", 100));
  a.run(zrem("z", "bert"));
  b.run(zadd("z", "bert", "2.5"));
  exchange();
  EXPECT_EQ(see(a, "z"), "<anna:115><bert:2.5>");
  EXPECT_EQ(see(b, "z"), "<anna:115><bert:2.5>");
  a.run(zincr("z", "bert", 1));
  b.run(zadd("z", "anna", "inf"));
  exchange();
  EXPECT_EQ(see(a, "z"), "<anna:inf><bert:2.5>") << "no integer: it hides increments";
  EXPECT_EQ(see(b, "z"), see(a, "z"));
}

// Past 2^53 a double holds not every integer: were sums kept there as they are, it would matter
// what of them lay in the table when more came.
TEST_F(TwoReplicas, ScoresThatOverflowTogetherAreTheSameOnBoth) {
  a.run(zadd("z", "m", "9007199254740990"));
  exchange();
  a.run(zincr("z", "m", 1));
  for (int i = 0; i < 5; ++i) b.run(zincr("z", "m", 1));
  exchange();
  settle({&a, &b});
  a.run(zincr("z", "m", 1));
  b.run(zincr("z", "m", 1));
  exchange();
  EXPECT_EQ(see(a, "z"), "<m:-9007199254740986>");
  EXPECT_EQ(see(b, "z"), see(a, "z"));
}

TEST_F(TwoReplicas, HiddenPartsOutliveARestart) {
  a.run(hset("k", "f", "1"));
  b.run(sadd("k", "m"));
  exchange();
  fold();
  a.checkpoint();
  a.restart();
  a.run(hdel("k", "f"));
  EXPECT_EQ(see(a, "k"), "[m]");
}

TEST_F(TwoReplicas, AHiddenSortedSetOutlivesARestart) {
  a.run(hset("k", "f", "1"));
  b.run(zadd("k", "m", "inf"));
  b.run(zincr("k", "n", 3), "id");
  exchange();
  a.checkpoint();
  a.restart();
  a.run(hdel("k", "f"));
  EXPECT_EQ(see(a, "k"), "<m:inf><n:3>");
}

// docs/formats/open-rows.md: those rows had parts of three types.
TEST_F(TwoReplicas, RowsOfVersion1AreReadStill) {
  a.run(hset("k", "f", "1"));
  b.run(sadd("k", "m"));
  exchange();
  a.checkpoint();
  CheckpointRows older;
  int keys = 0;
  HF_ASSERT(a.store().scan(Family::open, {}, {}, [&](std::string_view key, std::string_view row) {
    std::string value(row);
    value[0] = 1;
    if (key[4] == 2) {  // a key's
      ++keys;
      wire::Reader in(row);
      in.raw(3);
      in.signed_varint();
      std::string parts;
      for (int part = 0; part < 8; ++part) {
        const std::string_view text = in.bytes();
        if (part % 4 != 3) wire::put_bytes(parts, text);
      }
      value.resize(4);  // version, flags, shown; no expiry, in one byte
      value += parts;
      value += in.raw(in.remaining());
    }
    older.put(Family::open, key, value);
    return true;
  }));
  EXPECT_EQ(keys, 1);
  HF_ASSERT(a.store().commit(std::move(older)));
  a.restart();
  a.run(hdel("k", "f"));
  EXPECT_EQ(see(a, "k"), "[m]");
}

TEST_F(TwoReplicas, TheLastWriterOfAnExpiryWins) {
  a.run(set("k", "v"));
  exchange();
  a.run(expire("k", a.wall + Millis(1000)));
  b.run(expire("k", b.wall + Millis(500)));
  exchange();
  EXPECT_EQ(both("k"), "'v'@" + std::to_string(to_ms(b.wall) + 500));
  b.run(persist("k"));
  exchange();
  EXPECT_EQ(both("k"), "'v'");
}

TEST_F(TwoReplicas, ASetTakesTheExpiryAwayUnlessToldToKeepIt) {
  a.run(set("k", "v"));
  a.run(expire("k", a.wall + Millis(1000)));
  exchange();
  a.run(set_keeping_expiry("k", "w"));
  exchange();
  EXPECT_EQ(both("k"), "'w'@" + std::to_string(to_ms(a.wall) + 1000));
  b.run(set("k", "x"));
  exchange();
  EXPECT_EQ(both("k"), "'x'");
}

TEST_F(TwoReplicas, AWriteToAnExpiredKeyBeginsAnew) {
  a.run(add("k", 40));
  a.run(expire("k", a.wall + Millis(10)));
  exchange();
  a.wall += Millis(20);
  a.run(add("k", 1));
  b.wall += Millis(1);
  exchange();
  EXPECT_EQ(both("k"), "'1'");
}

TEST_F(TwoReplicas, AnExpiredKeyIsErasedWhenAllClocksHavePassedIt) {
  a.run(set("k", "v"));
  a.run(expire("k", a.wall + Millis(10)));
  exchange();
  fold();
  a.wall += Millis(100);
  while (a.replica().tidy(a.wall)) {
  }
  EXPECT_EQ(a.table().size(), 1U) << "the other's clock may be behind, and lift the expiry";
  b.wall = a.wall;
  b.run(set("other", "1"));  // its clock is known by what it writes
  exchange();
  fold();
  EXPECT_EQ(a.table().size(), 1U);
  EXPECT_EQ(see(a, "other"), "'1'");
}

// An expiry can be lifted by an operation that is still on its way. What of the
// key is stable must then still be there, though all clocks passed the time.
TEST(Expiry, APersistThatArrivesAfterTheTimeBringsTheKeyBack) {
  TestReplica a{1, origins({1, 2, 3})}, b{2, origins({1, 2, 3})}, c{3, origins({1, 2, 3})};
  const std::string value = a.write(set("k", "v"));
  ASSERT_TRUE(b.receive(a.self(), value));
  ASSERT_TRUE(c.receive(a.self(), value));
  settle({&a, &b, &c});
  const std::string expiry = a.write(expire("k", a.wall + Millis(10)));
  c.wall += Millis(1);
  const std::string lifted = c.write(persist("k"));  // has not seen the expiry
  ASSERT_TRUE(b.receive(a.self(), expiry));
  b.wall += Millis(100);
  b.replica().acknowledged(a.self(), a.replica().merged(), HybridTime::at(b.wall));
  b.replica().acknowledged(c.self(), b.replica().merged(), HybridTime::at(b.wall));
  b.run(set("other", "1"));
  b.take();
  VersionVector without_expiry;
  without_expiry.raise(a.self(), 1);
  TestReplica late{2, origins({1, 3})};
  ASSERT_TRUE(late.receive(a.self(), value));
  ASSERT_TRUE(late.receive(a.self(), expiry));
  late.wall += Millis(100);
  late.replica().tidy(late.wall);
  for (const OriginId other : origins({1, 3}))
    late.replica().acknowledged(other, without_expiry, HybridTime::at(late.wall));
  late.replica().observe(HybridTime::at(late.wall));
  late.replica().tidy(late.wall);
  EXPECT_EQ(see(late, "k"), "");
  EXPECT_EQ(late.table().size(), 0U) << "expired for all, parked";
  late.checkpoint();
  late.restart();
  ASSERT_TRUE(late.receive(c.self(), lifted));
  EXPECT_EQ(see(late, "k"), "'v'");
}

// ---- Retries

TEST_F(TwoReplicas, ARetryAtAnotherReplicaDuringAPartitionCountsOnce) {
  a.run(add("k", 5), "id");
  b.run(add("k", 5), "id");
  exchange();
  EXPECT_EQ(both("k"), "'5'");
  fold();
  EXPECT_EQ(both("k"), "'5'");
  EXPECT_EQ(a.run(add("k", 5), "id").executed.replay, Replay::reply);
  EXPECT_EQ(b.run(add("k", 5), "id").executed.replay, Replay::reply);
  EXPECT_EQ(both("k"), "'5'");
}

TEST_F(TwoReplicas, AFirstTryThatComesLateTakesTheLatersPlace) {
  a.run(set("k", "v"));
  exchange();
  a.run(hset("other", "f", "1"));
  const std::string before = a.take();
  // b is behind: it sees a string where a sees … the same, but at another time.
  const auto first = a.run({"TURN", "other", "f"}, "id");  // hash: HDEL f, HINCRBY n 5
  b.wall += Millis(50);
  const auto second = b.run({"TURN", "other", "f"}, "id");  // nothing there: HSET f t
  EXPECT_NE(first.reply, second.reply);
  EXPECT_EQ(see(b, "other"), "{f:t}");
  ASSERT_TRUE(b.receive(a.self(), before));
  exchange();
  EXPECT_EQ(both("other"), "{n:5}");
  const auto again = b.run({"TURN", "other", "f"}, "id");
  EXPECT_EQ(again.reply, first.reply);
  EXPECT_EQ(again.executed.replay, Replay::effect) << "its tries were answered differently";
}

TEST_F(TwoReplicas, ARemovalThatWasALaterTryIsUndone) {
  a.run(hset("k", "f", "1"));
  a.run(hset("k", "g", "2"));
  exchange();
  fold();
  b.wall += Millis(50);
  const auto later = b.run({"TURN", "s", "x"}, "id");
  b.run(del("k"), "gone");
  EXPECT_EQ(see(b, "k"), "");
  const std::string from_b = b.take();
  // The same id was used at a, earlier, for something that leaves k alone.
  a.run(sadd("s", "y"), "gone");
  exchange();
  EXPECT_EQ(see(b, "k"), "{f:1}{g:2}");
  ASSERT_TRUE(a.receive(b.self(), from_b));
  EXPECT_EQ(both("k"), "{f:1}{g:2}");
  EXPECT_EQ(a.replica().counters().mismatched_ids, 1U);
  EXPECT_EQ(b.replica().counters().mismatched_ids, 1U);
}

// Whoever saw any try saw the operation, but had not seen what the first try
// had seen: it must not be taken to stand for the first try's removals.
TEST(Retry, ARemovalSeenThroughALaterTryStillRemovesWhatOnlyTheFirstSaw) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  const std::string value = a.write(set("k", "seen by the first try"));
  const std::string first = a.write(del("k"), "id");
  b.wall += Millis(50);
  const std::string second = b.write(del("k"), "id");
  const std::string after = b.write(sadd("k", "m"), "another id");
  ASSERT_TRUE(a.receive(b.self(), second));
  ASSERT_TRUE(a.receive(b.self(), after));
  EXPECT_EQ(see(a, "k"), "[m]");
  const std::string plain = b.write(del("k"));  // without an id, so for good
  ASSERT_TRUE(a.receive(b.self(), plain));
  EXPECT_EQ(see(a, "k"), "");
  for (const std::string& entry : {value, first}) ASSERT_TRUE(b.receive(a.self(), entry));
  EXPECT_EQ(see(b, "k"), "");
  settle({&a, &b});
  EXPECT_EQ(see(a, "k"), "");
  EXPECT_EQ(see(b, "k"), "");
}

// EXPIRE and PERSIST remove nothing, they are outdone by the greater stamp; were
// it otherwise, this key's expiry would be the one written first.
TEST(Retry, AnExpiryThatWasOutdoneDoesNotComeBack) {
  TestReplica a{1, origins({1, 2, 3})}, b{2, origins({1, 2, 3})}, c{3, origins({1, 2, 3})};
  a.wall += Millis(10);
  const std::string no_expiry = a.write(set("k", "v"));
  const std::string first = a.write(persist("k"), "id");
  b.wall += Millis(50);
  const std::string second = b.write(persist("k"), "id");
  const std::string cleared = b.write(del("k"), "another id");
  const std::string old = c.write(expire("k", c.wall + Millis(5000)));
  for (const std::string& entry : {second, cleared}) ASSERT_TRUE(a.receive(b.self(), entry));
  ASSERT_TRUE(a.receive(c.self(), old));
  EXPECT_EQ(see(a, "k"), "'v'");
  settle({&a, &b, &c});
}

// ---- Forgetting

// What an operation wrote where it saw nothing others may build on. If it turns out that an
// earlier try of it had done nothing, what it did is taken back, but not that it had cleared the
// key of what had expired there: a replica that has forgotten that cannot bring it back.
TEST_F(TwoReplicas, WhatHadExpiredDoesNotComeBackWithAnEarlierTry) {
  for (const bool sets : {false, true}) {
    const std::string k = sets ? "set" : "added";
    a.run(set(k, "v"));
    a.run(expire(k, a.wall + Millis(1'000)));
    exchange();
    fold();
    a.wall += Millis(100);
    b.wall += Millis(100);
    // Here the operation does nothing to the key, as one does that is refused for what it holds.
    const std::string from_b = b.write(sadd("else", "m"), k);
    a.wall += Millis(2'000);
    b.wall += Millis(2'000);
    // Everybody's clock is past the time, as far as one knows, and the key is gone for good; the
    // other knows less.
    a.replica().acknowledged(b.self(), a.replica().merged(), HybridTime::at(b.wall));
    while (a.replica().tidy(a.wall)) {
    }
    a.run(sets ? set(k, "5") : add(k, 5), k);
    EXPECT_EQ(see(a, k), "'5'");
    a.run(add(k, 3));
    EXPECT_EQ(see(a, k), "'8'");
    const std::string from_a = a.take();
    ASSERT_TRUE(a.receive(b.self(), from_b));
    ASSERT_TRUE(b.receive(a.self(), from_a));
    EXPECT_EQ(both(k), "'3'") << k;
    fold();
    EXPECT_EQ(both(k), "'3'") << k;
  }
}

// A key that was emptied while an expiry was set: a field that saw the expiry
// but not what emptied the key is on its way, and must find the expiry.
TEST(Limbo, TheExpiryOfAnEmptiedKeyIsKeptUntilAllKnowItIsEmpty) {
  const auto all = origins({1, 2, 3});
  TestReplica a{1, all}, b{2, all}, c{3, all};
  const Instant at = a.wall + Millis(5000);
  a.run(hset("h", "f", "1"));
  a.run(expire("h", at));
  const std::string made = a.take();
  ASSERT_TRUE(b.receive(a.self(), made));
  ASSERT_TRUE(c.receive(a.self(), made));
  settle({&a, &b, &c});

  const std::string emptied = a.write(hdel("h", "f"));
  const std::string filled = c.write(hset("h", "g", "2"));  // saw the expiry, not the HDEL
  ASSERT_TRUE(b.receive(a.self(), emptied));
  b.replica().tidy(b.wall);
  EXPECT_EQ(see(b, "h"), "");
  b.checkpoint();
  b.restart();
  b.replica().tidy(b.wall);
  ASSERT_TRUE(b.receive(c.self(), filled));
  ASSERT_TRUE(a.receive(c.self(), filled));
  ASSERT_TRUE(c.receive(a.self(), emptied));
  const std::string expected = "{g:2}@" + std::to_string(to_ms(at));
  EXPECT_EQ(see(a, "h"), expected);
  EXPECT_EQ(see(b, "h"), expected);
  EXPECT_EQ(see(c, "h"), expected);
}

// Emptied, filled, emptied again: the first emptying becoming stable says
// nothing of the second.
TEST(Limbo, EveryEmptyingIsWaitedForByItself) {
  const auto all = origins({1, 2, 3});
  TestReplica a{1, all}, b{2, all}, c{3, all};
  const Instant at = a.wall + Millis(5000);
  a.run(hset("h", "f", "1"));
  a.run(hset("h", "g", "1"));
  a.run(expire("h", at));
  const std::string made = a.take();
  for (TestReplica* each : {&b, &c}) ASSERT_TRUE(each->receive(a.self(), made));
  settle({&a, &b, &c});

  // b empties it; a, which has not heard, has written a field meanwhile.
  const std::string emptied = [&] {
    b.run(hdel("h", "f"));
    b.run(hdel("h", "g"));
    return b.take();
  }();
  const std::string refilled = a.write(hset("h", "x", "1"));
  for (TestReplica* each : {&a, &c}) ASSERT_TRUE(each->receive(b.self(), emptied));
  for (TestReplica* each : {&b, &c}) ASSERT_TRUE(each->receive(a.self(), refilled));
  const std::string again = b.write(hdel("h", "x"));
  EXPECT_EQ(see(b, "h"), "");
  // The others have the first emptying, but not the second.
  for (TestReplica* each : {&a, &c})
    b.replica().acknowledged(each->self(), each->replica().merged());
  while (b.replica().tidy(b.wall)) {
  }
  const std::string late = c.write(hset("h", "y", "2"));  // sees {x}, with its expiry
  for (TestReplica* each : {&a, &b}) ASSERT_TRUE(each->receive(c.self(), late));
  for (TestReplica* each : {&a, &c}) ASSERT_TRUE(each->receive(b.self(), again));
  const std::string expected = "{y:2}@" + std::to_string(to_ms(at));
  EXPECT_EQ(see(a, "h"), expected);
  EXPECT_EQ(see(b, "h"), expected);
  EXPECT_EQ(see(c, "h"), expected);
}

TEST(Limbo, AnEmptiedKeysExpiryIsForgottenInTheEnd) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  a.run(hset("h", "f", "1"));
  a.run(expire("h", a.wall + Millis(5000)));
  a.run(hdel("h", "f"));
  ASSERT_TRUE(b.receive(a.self(), a.take()));
  settle({&a, &b});
  ASSERT_TRUE(b.receive(a.self(), a.write(hset("h", "g", "2"))));
  EXPECT_EQ(see(a, "h"), "{g:2}");
  EXPECT_EQ(see(b, "h"), "{g:2}");
}

TEST_F(TwoReplicas, WhatIsStableLeavesNothingButTheTable) {
  for (int i = 0; i < 50; ++i) {
    a.run(add("k", 1), "a" + std::to_string(i));
    b.run(hset("h" + std::to_string(i), "f", "v"));
    exchange();
  }
  EXPECT_EQ(both("k"), "'50'");
  fold();
  EXPECT_EQ(a.replica().counters().unstable, 0U);
  a.checkpoint();
  EXPECT_EQ(open_rows(a), 0);
  EXPECT_EQ(both("k"), "'50'");
}

// A key with ten thousand fields, one of them contested: the others stay put.
TEST_F(TwoReplicas, ADisplacedCollectionComesBackWhole) {
  for (int i = 0; i < 10'000; ++i) a.run(sadd("s", "m" + std::to_string(i)));
  exchange();
  fold();
  b.wall += Millis(50);
  b.run(del("s"), "id");
  const std::string from_b = b.take();
  a.run(sadd("s", "new"), "id");
  ASSERT_TRUE(a.receive(b.self(), from_b));
  exchange();
  EXPECT_EQ(a.table().find("s", a.wall)->as_set().size(), 10'001U);
  EXPECT_EQ(a.replica().digest(likes, a.wall), b.replica().digest(likes, b.wall));
}

// An element that becomes stable while a removal with an id covers it joins
// what the removal had displaced, and comes back with it.
TEST(Retry, AFieldThatBecameStableUnderAnUndoneRemovalComesBack) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  const std::string made = a.write(hset("h", "f", "1"));
  ASSERT_TRUE(b.receive(a.self(), made));
  b.wall += Millis(50);
  const std::string removed = b.write(del("h"), "id");
  b.replica().acknowledged(a.self(), a.replica().merged(), a.replica().clock());
  while (b.replica().tidy(b.wall)) {
  }
  EXPECT_EQ(see(b, "h"), "");
  EXPECT_EQ(b.replica().audit(), std::nullopt);
  a.run(sadd("s", "m"), "id");  // an earlier use of the id, for something else
  ASSERT_TRUE(b.receive(a.self(), a.take()));
  ASSERT_TRUE(a.receive(b.self(), removed));
  EXPECT_EQ(see(a, "h"), "{f:1}");
  EXPECT_EQ(see(b, "h"), "{f:1}");
}

// ---- Checkpoints

TEST(Checkpoint, KnowsEveryTryOfAnOperation) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  a.write(sadd("s", "m"), "id");
  a.checkpoint();
  b.wall += Millis(50);
  const std::string later = b.write(sadd("s", "m"), "id");
  const std::string removed = b.write(srem("s", "m"), "another id");  // saw b's try alone
  ASSERT_TRUE(a.receive(b.self(), later));
  a.checkpoint();
  a.restart();
  ASSERT_TRUE(a.receive(b.self(), removed));
  EXPECT_EQ(see(a, "s"), "");
}

TEST(Checkpoint, AnEmptiedKeyIsForgottenAfterARestartToo) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  a.run(hset("h", "f", "1"));
  a.run(expire("h", a.wall + Millis(5000)));
  ASSERT_TRUE(b.receive(a.self(), a.take()));
  settle({&a, &b});
  ASSERT_TRUE(b.receive(a.self(), a.write(hdel("h", "f"))));
  b.replica().tidy(b.wall);
  b.checkpoint();
  b.restart();
  b.replica().tidy(b.wall);
  EXPECT_EQ(b.replica().counters().open_keys, 1U);
  settle({&a, &b});
  b.replica().tidy(b.wall);
  EXPECT_EQ(b.replica().counters().open_keys, 0U);
}

TEST(FailedCheckpoint, WhatItWouldHaveErasedTheNextOneErases) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  ASSERT_TRUE(b.receive(a.self(), a.write(hset("h", "f", "1"), "id")));
  a.checkpoint();
  settle({&a, &b});
  a.begin_checkpoint();
  a.end_checkpoint(false);
  a.checkpoint();
  EXPECT_EQ(open_rows(a), 0);
  a.restart();
  EXPECT_EQ(see(a, "h"), "{f:1}");
}

TEST(FailedCheckpoint, WhatItWouldHaveWrittenTheNextOneWrites) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  a.write(hset("h", "f", "1"), "id");
  a.begin_checkpoint();
  a.end_checkpoint(false);
  a.checkpoint();
  a.restart();
  a.replica().tidy(a.wall);
  EXPECT_EQ(a.replica().counters().unstable, 1U);
  EXPECT_EQ(a.replica().counters().open_keys, 1U);
  EXPECT_EQ(a.run(hset("h", "f", "1"), "id").executed.replay, Replay::reply);
  // The other's first try is still told apart from a new operation.
  b.wall -= Millis(50);
  ASSERT_TRUE(a.receive(b.self(), b.write(hset("h", "f", "2"), "id")));
  EXPECT_EQ(see(a, "h"), "{f:2}");
}

}  // namespace
}  // namespace holdfast::eventual::testing
