// SPDX-License-Identifier: Apache-2.0
// What a comparison with a real Redis cannot show: given time, given chance,
// what differs from Redis by intent.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <set>

#include "base/limits.h"
#include "command/glob.h"
#include "command/test_lines.h"
#include "command/test_world.h"

namespace holdfast::command {
namespace {

constexpr std::int64_t start_ms = 1'700'000'000'000;
const Instant start = instant_from_ms(start_ms);
const auto every_row = [](const Row&) { return 1; };

RC_GTEST_PROP(Strong, SameLinesTimesAndSeedsGiveTheSameBytes, ()) {
  World one;
  World other;
  Instant now = start;
  for (const Drawn& drawn : *gen_lines(true, 3.0, every_row)) {
    now += Millis(static_cast<std::int64_t>(drawn.seed % 400));
    RC_ASSERT(one.strong(drawn.line, now, drawn.seed) == other.strong(drawn.line, now, drawn.seed));
  }
  RC_ASSERT(one.table().digest(now) == other.table().digest(now));
}

RC_GTEST_PROP(Strong, WhatHasExpiredIsAsIfItHadNeverBeen, ()) {
  World with;
  World without;
  for (const char* key : {"t:s1", "t:s2", "t:s3"}) with.strong({"SET", key, "77"}, start);
  for (const char* key : {"t:h1", "t:h2"}) with.strong({"HSET", key, "a", "7"}, start);
  for (const char* key : {"t:m1", "t:m2", "t:m3"}) with.strong({"SADD", key, "a", "b"}, start);
  for (const char* key : {"t:z1", "t:z2", "t:z3"}) with.strong({"ZADD", key, "1", "a"}, start);
  for (const char* key :
       {"t:s1", "t:s2", "t:s3", "t:h1", "t:h2", "t:m1", "t:m2", "t:m3", "t:z1", "t:z2", "t:z3"}) {
    with.strong({"PEXPIRE", key, "10"}, start);
  }
  const Instant now = start + Millis(10);
  for (const Drawn& drawn : *gen_lines(true, 3.0, every_row)) {
    RC_ASSERT(with.strong(drawn.line, now, drawn.seed) ==
              without.strong(drawn.line, now, drawn.seed));
  }
  RC_ASSERT(with.table().digest(now) == without.table().digest(now));
  RC_ASSERT(with.table().digest(now + Millis(700)) == without.table().digest(now + Millis(700)));
}

// A write that changes nothing must not fail a WATCH.
RC_GTEST_PROP(Strong, ReadsAndRefusalsChangeNothing, ()) {
  World world;
  for (const Drawn& drawn : *gen_lines(true, 3.0, every_row)) {
    const std::uint64_t before = world.table().digest(start);
    const std::string reply = world.strong(drawn.line, start, drawn.seed);
    if (reply[0] == '-' || row_of_line(drawn.line)->access == Access::read) {
      RC_ASSERT(world.table().digest(start) == before);
    }
  }
}

TEST(Strong, WritesThatChangeNothingLeaveTheVersion) {
  World world;
  world.strong({"SADD", "s", "a"}, start);
  world.strong({"HSET", "h", "f", "v"}, start);
  world.strong({"SET", "k", "v"}, start);
  world.strong({"ZADD", "z", "1", "a", "inf", "b"}, start);
  const auto versions = [&] {
    return std::vector{
        world.table().read("s", start).version, world.table().read("h", start).version,
        world.table().read("k", start).version, world.table().read("z", start).version};
  };
  const auto before = versions();
  for (const Line& line : {Line{"SADD", "s", "a"},
                           Line{"SREM", "s", "x"},
                           Line{"HDEL", "h", "x"},
                           Line{"HSETNX", "h", "f", "w"},
                           Line{"SETNX", "k", "w"},
                           Line{"SET", "k", "w", "NX"},
                           Line{"SMOVE", "s", "t", "x"},
                           Line{"SPOP", "s", "0"},
                           Line{"PERSIST", "k"},
                           Line{"RENAMENX", "k", "s"},
                           Line{"COPY", "k", "s"},
                           Line{"SETRANGE", "k", "0", ""},
                           Line{"GETEX", "k"},
                           Line{"MSETNX", "x", "1", "k", "1"},
                           Line{"ZADD", "z", "1", "a"},
                           Line{"ZADD", "z", "GT", "CH", "0", "a", "5", "b"},
                           Line{"ZADD", "z", "NX", "7", "a"},
                           Line{"ZADD", "z", "XX", "7", "c"},
                           Line{"ZADD", "z", "INCR", "LT", "2", "a"},
                           Line{"ZINCRBY", "z", "0", "a"},
                           Line{"ZINCRBY", "z", "-inf", "b"},
                           Line{"ZREM", "z", "c"},
                           Line{"ZREMRANGEBYSCORE", "z", "2", "3"},
                           Line{"ZPOPMIN", "z", "0"},
                           Line{"ZRANGESTORE", "k", "z", "x", "y"}}) {
    world.strong(line, start);
    EXPECT_EQ(versions(), before) << line[0];
  }
  world.strong({"SADD", "s", "b"}, start);
  EXPECT_NE(versions()[0], before[0]);
}

TEST(Strong, OptionsMayComeInAnyOrderAndTheLastTimeCounts) {
  World world;
  EXPECT_EQ(world.strong({"SET", "k", "1", "get", "px", "5", "nx"}, start), "$-1\r\n");
  EXPECT_EQ(world.strong({"SET", "k", "2", "EX", "10", "EX", "20"}, start), "+OK\r\n");
  EXPECT_EQ(world.strong({"TTL", "k"}, start), ":20\r\n");
  EXPECT_EQ(world.strong({"SET", "k", "2", "EX", "10", "PX", "20"}, start),
            "-ERR syntax error\r\n");
  EXPECT_EQ(world.strong({"SET", "k", "2", "KEEPTTL", "EX", "20"}, start), "-ERR syntax error\r\n");
}

TEST(Strong, SecondsLeftAreRoundedToTheNearest) {
  World world;
  world.strong({"SET", "k", "1", "PX", "1500"}, start);
  EXPECT_EQ(world.strong({"TTL", "k"}, start), ":2\r\n");
  EXPECT_EQ(world.strong({"TTL", "k"}, start + Millis(1)), ":1\r\n");
  EXPECT_EQ(world.strong({"PTTL", "k"}, start + Millis(1499)), ":1\r\n");
  EXPECT_EQ(world.strong({"TTL", "k"}, start + Millis(1499)), ":0\r\n");
  EXPECT_EQ(world.strong({"TTL", "k"}, start + Millis(1500)), ":-2\r\n");
}

TEST(Strong, AKeptTimeIsNotThatOfAnExpiredValue) {
  for (const Line& line :
       {Line{"SET", "k", "1", "KEEPTTL"}, Line{"APPEND", "k", "1"}, Line{"INCR", "k"},
        Line{"INCRBYFLOAT", "k", "1"}, Line{"SETRANGE", "k", "0", "1"}, Line{"SETNX", "k", "1"}}) {
    World world;
    world.strong({"SET", "k", "0", "PX", "10"}, start);
    world.strong(line, start + Millis(10));
    EXPECT_EQ(world.strong({"PTTL", "k"}, start + Millis(10)), ":-1\r\n") << line[0];
    EXPECT_EQ(world.strong({"GET", "k"}, start + Millis(10)), "$1\r\n1\r\n") << line[0];
  }
}

TEST(Strong, PoppedMembersFollowFromTheSeedAlone) {
  std::set<std::string> popped;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    World world;
    world.strong({"SADD", "s", "a", "b", "c", "d"}, start);
    popped.insert(world.strong({"SPOP", "s"}, start, seed));
  }
  EXPECT_EQ(popped.size(), 4u);
}

TEST(Strong, RandomMembersOfOnePipelineDiffer) {
  World world;
  Line add{"SADD", "s"};
  for (int i = 100; i < 200; ++i) add.push_back(std::to_string(i));
  world.strong(add, start);
  std::string output;  // as a connection's: replies behind one another
  std::set<std::string> drawn;
  for (int i = 0; i < 50; ++i) {
    Reply reply(output);
    const std::array<std::string_view, 2> args{"SRANDMEMBER", "s"};
    all_commands().find("SRANDMEMBER")->read(world.table(), start, args, reply);
    drawn.emplace(reply.written());
  }
  EXPECT_GT(drawn.size(), 25u);
}

TEST(Strong, DistinctRandomMembersAreDistinct) {
  World world;
  Line add{"SADD", "s"};
  for (int i = 100; i < 200; ++i) add.push_back(std::to_string(i));
  world.strong(add, start);
  for (const std::int64_t count : {1, 10, 99, 100, 101}) {
    const std::string reply = world.strong({"SRANDMEMBER", "s", std::to_string(count)}, start);
    std::set<std::string> members;
    for (std::size_t at = reply.find("$3"); at != std::string::npos;
         at = reply.find("$3", at + 1)) {
      members.insert(reply.substr(at + 4, 3));
    }
    EXPECT_EQ(members.size(), static_cast<std::size_t>(std::min<std::int64_t>(count, 100)));
  }
}

TEST(Strong, AShortRequestGetsNoReplyWithoutBound) {
  World world;
  world.strong({"SADD", "s", "a"}, start);
  world.strong({"HSET", "h", "f", std::string(1000, 'x')}, start);
  const std::string most = std::to_string(limits::random_repeats_max);
  const std::string over = std::to_string(limits::random_repeats_max + 1);
  EXPECT_TRUE(world.strong({"SRANDMEMBER", "s", "-" + most}, start).starts_with("*" + most));
  EXPECT_EQ(world.strong({"SRANDMEMBER", "s", "-" + over}, start),
            "-ERR value is out of range\r\n");
  EXPECT_EQ(world.strong({"HRANDFIELD", "h", "-" + over}, start), "-ERR value is out of range\r\n");
  world.strong({"ZADD", "z", "1", std::string(1000, 'x')}, start);
  EXPECT_EQ(world.strong({"ZRANDMEMBER", "z", "-" + over}, start),
            "-ERR value is out of range\r\n");
  EXPECT_EQ(world.strong({"ZRANDMEMBER", "z", "-" + most, "WITHSCORES"}, start),
            "-ERR value is out of range\r\n");
  EXPECT_EQ(world.strong({"HRANDFIELD", "h", "-" + most, "WITHVALUES"}, start),
            "-ERR value is out of range\r\n");
}

TEST(Strong, AStringGrowsToTheLimitAndNotPastIt) {
  World world;
  const std::string last = std::to_string(limits::bulk_bytes_max);
  EXPECT_EQ(world.strong({"SETRANGE", "k", last, "x"}, start),
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
  EXPECT_EQ(world.strong({"EXISTS", "k"}, start), ":0\r\n");
  world.strong({"SETRANGE", "k", std::to_string(limits::bulk_bytes_max - 1), "x"}, start);
  EXPECT_EQ(world.strong({"STRLEN", "k"}, start), ":" + last + "\r\n");
  EXPECT_EQ(world.strong({"APPEND", "k", "y"}, start),
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
}

TEST(Strong, EncodingIsWhatRedisWouldChoose) {
  World world;
  const auto encoding = [&](const Line& line) {
    world.strong({"DEL", "k"}, start);
    world.strong(line, start);
    return world.strong({"OBJECT", "ENCODING", "k"}, start);
  };
  EXPECT_EQ(encoding({"SET", "k", "12"}), "$3\r\nint\r\n");
  EXPECT_EQ(encoding({"SET", "k", std::string(44, 'x')}), "$6\r\nembstr\r\n");
  EXPECT_EQ(encoding({"SET", "k", std::string(45, 'x')}), "$3\r\nraw\r\n");
  EXPECT_EQ(encoding({"SADD", "k", "1", "2"}), "$6\r\nintset\r\n");
  EXPECT_EQ(encoding({"SADD", "k", "1", "x"}), "$9\r\nhashtable\r\n");
  EXPECT_EQ(encoding({"HSET", "k", "f", "v"}), "$8\r\nlistpack\r\n");
  EXPECT_EQ(encoding({"ZADD", "k", "1", "a"}), "$8\r\nlistpack\r\n");
  EXPECT_EQ(encoding({"ZADD", "k", "1", std::string(65, 'x')}), "$8\r\nskiplist\r\n");
  EXPECT_EQ(encoding({"HSET", "k", "f", std::string(65, 'x')}), "$9\r\nhashtable\r\n");
  EXPECT_EQ(encoding({"DEL", "k"}), "$-1\r\n");
}

TEST(Strong, MemoryUsageGrowsWithWhatIsHeld) {
  World world;
  const auto usage = [&](const std::string& key) {
    const std::string reply = world.strong({"MEMORY", "USAGE", key}, start);
    return std::stol(reply.substr(1));
  };
  world.strong({"SET", "small", "1"}, start);
  world.strong({"SET", "large", std::string(10'000, 'x')}, start);
  EXPECT_GT(usage("small"), 16);
  EXPECT_LT(usage("small"), 200);
  EXPECT_GE(usage("large"), 10'000);
  EXPECT_LT(usage("large"), 11'000);
}

// -- A walk that goes on while the set changes

// Over sorted sets too, where scores and with them ranks change all the time.
RC_GTEST_PROP(Scan, MeetsEveryMemberThatStays, (bool sorted)) {
  World world;
  Random random(*rc::gen::arbitrary<std::uint64_t>());
  const auto add_line = [&](const std::string& member) {
    return sorted ? Line{"ZADD", "s", "0." + std::to_string(random.below(90)), member}
                  : Line{"SADD", "s", member};
  };
  for (int i = 100; i < 200; ++i) world.strong(add_line(std::to_string(i)), start);
  std::set<std::string> gone;
  std::set<std::string> met;
  std::string cursor = "0";
  do {
    const std::string reply =
        world.strong({sorted ? "ZSCAN" : "SSCAN", "s", cursor, "COUNT", "7"}, start);
    const std::size_t at = reply.find("\r\n", 4) + 2;
    cursor = reply.substr(at, reply.find("\r\n", at) - at);
    for (std::size_t i = reply.find("$3", at); i != std::string::npos;
         i = reply.find("$3", i + 1)) {
      met.insert(reply.substr(i + 4, 3));
    }
    for (int i = 0; i < 5; ++i) {
      const std::string member = std::to_string(100 + random.below(100));
      if (random.below(2) == 0) {
        world.strong({sorted ? "ZREM" : "SREM", "s", member}, start);
        gone.insert(member);
      } else {
        world.strong(add_line(member), start);
      }
    }
  } while (cursor != "0");
  for (int i = 100; i < 200; ++i) {
    const std::string member = std::to_string(i);
    RC_ASSERT(met.contains(member) || gone.contains(member));
  }
}

TEST(Glob, AStarThatFailsCostsNoMoreThanPatternTimesText) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a*";
  EXPECT_FALSE(glob_match(pattern + "b", std::string(2'000, 'a')));
  EXPECT_TRUE(glob_match(pattern, std::string(2'000, 'a')));
}

}  // namespace
}  // namespace holdfast::command
