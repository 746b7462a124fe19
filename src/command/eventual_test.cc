// SPDX-License-Identifier: Apache-2.0
// What commands mean in an eventual keyspace, seen from the node they reach.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "command/test_lines.h"
#include "command/test_world.h"

namespace holdfast::command {
namespace {

constexpr std::int64_t start_ms = 1'700'000'000'000;
const Instant start = instant_from_ms(start_ms);

// -- Where nothing is concurrent, it is what Redis would give (3-contract, section 5)

RC_GTEST_PROP(LoneReplica, RepliesAndHoldsWhatStrongDoes, ()) {
  const auto lines = *gen_lines(true, 3.0, [](const Row& row) {
    return row.access == Access::read || row.eventual != nullptr;
  });
  World strong;
  World eventual;
  Instant now = start;
  for (const Drawn& drawn : lines) {
    now += Millis(static_cast<std::int64_t>(drawn.seed % 400));
    const std::string reply = eventual.eventual(drawn.line, now);
    if (reply.starts_with("-UNSUPPORTED")) continue;
    RC_ASSERT(reply == strong.strong(drawn.line, now));
    RC_ASSERT(eventual.table().digest(now) == strong.table().digest(now));
  }
}

// Most of the run above may be refusals; this says that enough is not.
TEST(LoneReplica, TakesEveryCommandOfEventualKeyspaces) {
  for (const Row* row : all_commands().rows()) {
    if (row->eventual == nullptr) continue;
    bool taken = false;
    bool emitted = row->name == "SORT";  // it only reads there
    for (std::uint64_t seed = 0; seed < 200 && !(taken && emitted); ++seed) {
      World world;
      world.eventual({"SET", "t:s1", "5"}, start);
      world.eventual({"SET", "t:s2", "5", "PX", "9999"}, start);
      world.eventual({"HSET", "t:h1", "a", "5"}, start);
      world.eventual({"SADD", "t:m1", "a", "b", "c", "1"}, start);
      world.eventual({"PEXPIRE", "t:m1", "9999"}, start);
      for (const char* key : {"t:z1", "t:z2", "t:z3", "t:z4"}) {
        world.eventual({"ZADD", key, "0", "a", "0", "b", "0", "1"}, start);
      }
      world.forget_effects();
      const std::string reply = world.eventual(LineMaker(seed, true).make(*row), start);
      taken = taken || reply[0] != '-';
      emitted = emitted || !world.effects().empty();
    }
    EXPECT_TRUE(taken) << row->name;
    EXPECT_TRUE(emitted) << row->name;
  }
}

RC_GTEST_PROP(LoneReplica, EmitsNothingWhenItRefuses, ()) {
  World world;
  Instant now = start;
  for (const Drawn& drawn : *gen_lines(true, 3.0, [](const Row&) { return 1; })) {
    now += Millis(static_cast<std::int64_t>(drawn.seed % 400));
    world.forget_effects();
    const std::string reply = world.eventual(drawn.line, now);
    if (reply[0] == '-') RC_ASSERT(world.effects().empty());
  }
}

// -- Each command's effects

struct Case {
  Instant now = start;
  World world;

  std::string operator()(const Line& line) {
    world.forget_effects();
    return world.eventual(line, now);
  }
  const std::vector<LoneReplica::Seen>& effects() const { return world.effects(); }
};
using Seen = std::vector<LoneReplica::Seen>;

TEST(Effects, SetPutsAndThenSetsItsTime) {
  Case run;
  EXPECT_EQ(run({"SET", "k", "v"}), "+OK\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::put_string, "k", "", "v", 0, false}}));
  EXPECT_EQ(run({"SET", "k", "v", "EX", "10"}), "+OK\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::put_string, "k", "", "v", 0, false},
                                 {EffectKind::expire, "k", "", "", start_ms + 10'000, false}}));
  EXPECT_EQ(run({"SET", "k", "w", "KEEPTTL"}), "+OK\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::put_string, "k", "", "w", 0, true}}));
}

TEST(Effects, SetWithATimeThatHasPassedRemoves) {
  Case run;
  EXPECT_EQ(run({"SET", "k", "v", "PXAT", "1"}), "+OK\r\n");
  EXPECT_TRUE(run.effects().empty());
  run({"SET", "k", "v"});
  EXPECT_EQ(run({"SET", "k", "v", "PXAT", "1"}), "+OK\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::clear, "k", "", "", 0, false}}));
}

TEST(Effects, SetWithAConditionNeedsStrong) {
  Case run;
  for (const Line& line : {Line{"SET", "k", "v", "NX"}, Line{"SET", "k", "v", "xx"},
                           Line{"SET", "k", "v", "GET"}, Line{"SET", "k", "v", "NX", "EX", "9"}}) {
    EXPECT_TRUE(
        run(line).starts_with("-UNSUPPORTED SET with NX, XX or GET needs a strong keyspace"));
    EXPECT_TRUE(run.effects().empty());
  }
  EXPECT_EQ(run({"SET", "k", "v", "NX", "XX"}), "-ERR syntax error\r\n");
}

TEST(Effects, ScoresArePutAddedToAndRemoved) {
  Case run;
  EXPECT_EQ(run({"ZADD", "z", "1.5", "a", "-0", "b"}), ":2\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::put_score, "z", "a", "1.5", 0, false},
                                 {EffectKind::put_score, "z", "b", "0", 0, false}}));
  EXPECT_EQ(run({"ZADD", "z", "CH", "0", "b"}), ":0\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::put_score, "z", "b", "0", 0, false}}))
      << "a concurrent remove must not win over it";
  EXPECT_EQ(run({"ZINCRBY", "z", "3", "b"}), ",3\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::add_score, "z", "b", "", 3, false}}));
  EXPECT_EQ(run({"ZREM", "z", "b", "x"}), ":1\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::remove_score, "z", "b", "", 0, false}}));
  EXPECT_EQ(run({"ZREMRANGEBYSCORE", "z", "1", "2"}), ":1\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::remove_score, "z", "a", "", 0, false}}));
}

TEST(Effects, ScoresWithConditionsOrSumsThatAreNotExactNeedStrong) {
  Case run;
  run({"ZADD", "z", "0.5", "half", "9007199254740991", "most"});
  for (const Line& line :
       {Line{"ZADD", "z", "NX", "1", "a"}, Line{"ZADD", "z", "GT", "1", "a"},
        Line{"ZINCRBY", "z", "0.5", "a"}, Line{"ZINCRBY", "z", "1", "half"},
        Line{"ZINCRBY", "z", "1", "most"}, Line{"ZADD", "z", "INCR", "inf", "a"}}) {
    EXPECT_TRUE(run(line).starts_with("-UNSUPPORTED Z")) << line[3];
    EXPECT_TRUE(run.effects().empty());
  }
}

TEST(Effects, CommandsThatPromiseMoreNeedStrong) {
  Case run;
  for (const Line& line :
       {Line{"SETNX", "k", "v"}, Line{"MSETNX", "k", "v"}, Line{"HSETNX", "k", "f", "v"},
        Line{"GETSET", "k", "v"}, Line{"GETDEL", "k"}, Line{"SPOP", "k"},
        Line{"SMOVE", "k", "l", "m"}, Line{"ZPOPMIN", "k"}, Line{"ZMPOP", "1", "k", "MIN"},
        Line{"RENAME", "k", "l"}, Line{"RENAMENX", "k", "l"}, Line{"COPY", "k", "l"},
        Line{"APPEND", "k", "v"}, Line{"SETRANGE", "k", "0", "v"}, Line{"INCRBYFLOAT", "k", "1"},
        Line{"HINCRBYFLOAT", "k", "f", "1"}}) {
    const std::string reply = run(line);
    EXPECT_TRUE(reply.starts_with("-UNSUPPORTED " + line[0] + " needs a strong keyspace: "))
        << reply;
  }
  EXPECT_TRUE(run({"EXPIRE", "k", "1", "NX"}).starts_with("-UNSUPPORTED "));
}

TEST(Effects, IncrementsTravelAsWhatWasAdded) {
  Case run;
  EXPECT_EQ(run({"INCR", "k"}), ":1\r\n");
  EXPECT_EQ(run({"INCRBY", "k", "41"}), ":42\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::add, "k", "", "", 41, false}}));
  EXPECT_EQ(run({"DECRBY", "k", "2"}), ":40\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::add, "k", "", "", -2, false}}));
  EXPECT_EQ(run({"HINCRBY", "h", "f", "7"}), ":7\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::add_field, "h", "f", "", 7, false}}));
}

TEST(Effects, AnIncrementOfWhatIsNoNumberOrWouldOverflowIsRefused) {
  Case run;
  run({"SET", "k", "text"});
  EXPECT_EQ(run({"INCR", "k"}), "-ERR value is not an integer or out of range\r\n");
  EXPECT_TRUE(run.effects().empty());
  run({"SET", "k", "9223372036854775807"});
  EXPECT_EQ(run({"INCR", "k"}), "-ERR increment or decrement would overflow\r\n");
  EXPECT_TRUE(run.effects().empty());
  EXPECT_EQ(run({"DECRBY", "k", "-9223372036854775808"}), "-ERR decrement would overflow\r\n");
  run({"HSET", "h", "f", "text"});
  EXPECT_EQ(run({"HINCRBY", "h", "f", "1"}), "-ERR hash value is not an integer\r\n");
  EXPECT_TRUE(run.effects().empty());
}

TEST(Effects, AddingAMemberThatIsThereTravelsToo) {
  Case run;
  run({"SADD", "s", "a"});
  EXPECT_EQ(run({"SADD", "s", "a", "b", "b"}), ":1\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::add_member, "s", "a", "", 0, false},
                                 {EffectKind::add_member, "s", "b", "", 0, false},
                                 {EffectKind::add_member, "s", "b", "", 0, false}}));
}

TEST(Effects, RemovingWhatIsNotSeenIsNoEffect) {
  Case run;
  run({"SADD", "s", "a"});
  run({"HSET", "h", "f", "v"});
  EXPECT_EQ(run({"SREM", "s", "b"}), ":0\r\n");
  EXPECT_TRUE(run.effects().empty());
  EXPECT_EQ(run({"SREM", "s", "b", "a", "a"}), ":1\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::remove_member, "s", "a", "", 0, false}}));
  EXPECT_EQ(run({"HDEL", "h", "g", "f", "f"}), ":1\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::remove_field, "h", "f", "", 0, false}}));
  EXPECT_EQ(run({"DEL", "s", "h", "none"}), ":0\r\n");
  EXPECT_TRUE(run.effects().empty());
}

TEST(Effects, ATimeThatHasPassedRemovesWhatWasSeen) {
  Case run;
  run({"SET", "k", "v"});
  EXPECT_EQ(run({"PEXPIREAT", "k", std::to_string(start_ms)}), ":1\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::clear, "k", "", "", 0, false}}));
  EXPECT_EQ(run({"EXPIRE", "k", "10"}), ":0\r\n");
  EXPECT_TRUE(run.effects().empty());
}

TEST(Effects, StoredResultsReplaceWhatWasSeenAtTheDestination) {
  Case run;
  run({"SADD", "a", "1", "2"});
  run({"SADD", "b", "2", "3"});
  EXPECT_EQ(run({"SINTERSTORE", "a", "a", "b"}), ":1\r\n");
  EXPECT_EQ(run.effects(), (Seen{{EffectKind::clear, "a", "", "", 0, false},
                                 {EffectKind::add_member, "a", "2", "", 0, false}}));
  EXPECT_EQ(run({"SDIFFSTORE", "d", "a", "b"}), ":0\r\n");
  EXPECT_TRUE(run.effects().empty());
}

TEST(Effects, AnotherTypesKeyIsRefused) {
  Case run;
  run({"SET", "k", "v"});
  for (const Line& line :
       {Line{"HSET", "k", "f", "v"}, Line{"SADD", "k", "m"}, Line{"HINCRBY", "k", "f", "1"},
        Line{"SREM", "k", "m"}, Line{"HDEL", "k", "f"}, Line{"SINTERSTORE", "d", "k"}}) {
    EXPECT_TRUE(run(line).starts_with("-WRONGTYPE ")) << line[0];
    EXPECT_TRUE(run.effects().empty());
  }
  run({"SADD", "s", "m"});
  EXPECT_TRUE(run({"INCR", "s"}).starts_with("-WRONGTYPE "));
  EXPECT_EQ(run({"SET", "s", "v"}), "+OK\r\n");
}

TEST(Effects, AnExpiredKeyIsAbsent) {
  Case run;
  run({"SET", "k", "41", "PX", "10"});
  run.now += Millis(10);
  EXPECT_EQ(run({"DEL", "k"}), ":0\r\n");
  EXPECT_EQ(run({"PERSIST", "k"}), ":0\r\n");
  EXPECT_TRUE(run.effects().empty());
  EXPECT_EQ(run({"INCR", "k"}), ":1\r\n");
}

}  // namespace
}  // namespace holdfast::command
