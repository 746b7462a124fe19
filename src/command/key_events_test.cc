// SPDX-License-Identifier: Apache-2.0
#include "command/key_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "command/test_lines.h"
#include "command/test_redis.h"
#include "command/test_world.h"

namespace holdfast::command {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Instant start = instant_from_ms(1'700'000'000'000);

class Told final : public key_events::Sink {
 public:
  void happened(key_events::Kind, std::string_view event, std::string_view key) override {
    all.push_back(std::string(event) + " " + std::string(key));
  }
  std::vector<std::string> take() { return std::exchange(all, {}); }
  std::vector<std::string> all;
};

TEST(KeyEvents, LettersAreThoseOfRedis) {
  const auto round = [](std::string_view letters) {
    const auto kinds = key_events::parse(letters);
    return kinds ? key_events::text_of(*kinds) : "none";
  };
  EXPECT_EQ(round("KEA"), "AKE");
  EXPECT_EQ(round("Kx"), "xK");
  EXPECT_EQ(round("g$lshzxet"), "g$lshzxet");
  EXPECT_EQ(round("KEmn"), "nKEm");
  EXPECT_EQ(round("KEg$lshzxetd"), "AKE");
  EXPECT_EQ(round("Kgz$d"), "g$zdK");
  EXPECT_EQ(round(""), "");
  EXPECT_EQ(round("q"), "none");
  EXPECT_FALSE(key_events::tells(*key_events::parse("KE")));
  EXPECT_FALSE(key_events::tells(*key_events::parse("A")));
  EXPECT_TRUE(key_events::tells(*key_events::parse("Kx")));
}

TEST(KeyEvents, WhatChangesNothingTellsNothing) {
  World world;
  Told told;
  world.events = &told;
  world.strong({"SADD", "t:s", "a"}, start);
  world.strong({"HSET", "t:h", "f", "1"}, start);
  EXPECT_THAT(told.take(), ElementsAre("new t:s", "sadd t:s", "new t:h", "hset t:h"));
  for (const Line& line :
       {Line{"SADD", "t:s", "a"}, Line{"SREM", "t:s", "b"}, Line{"HDEL", "t:h", "g"},
        Line{"DEL", "t:x"}, Line{"EXPIRE", "t:x", "9"}, Line{"HSETNX", "t:h", "f", "2"},
        Line{"INCR", "t:h"}, Line{"GETDEL", "t:x"}, Line{"GET", "t:x"}, Line{"PERSIST", "t:s"}})
    world.strong(line, start);
  EXPECT_THAT(told.take(), IsEmpty());
}

TEST(KeyEvents, ACollectionThatIsEmptiedIsGone) {
  World world;
  Told told;
  world.strong({"SADD", "t:s", "a"}, start);
  world.strong({"ZADD", "t:z", "1", "a"}, start);
  world.events = &told;
  world.strong({"SREM", "t:s", "a"}, start);
  world.strong({"ZPOPMIN", "t:z"}, start);
  EXPECT_THAT(told.take(), ElementsAre("srem t:s", "del t:s", "zpopmin t:z", "del t:z"));
}

TEST(KeyEvents, AKeyThatHadExpiredIsNewAgain) {
  World world;
  Told told;
  world.strong({"SET", "t:k", "1", "PX", "5"}, start);
  world.events = &told;
  world.strong({"INCR", "t:k"}, start + Millis(9));
  EXPECT_THAT(told.take(), ElementsAre("new t:k", "incrby t:k"));
}

TEST(KeyEvents, EffectsTellWhatTheyAreOnceForEachCommand) {
  World world;
  Told told;
  key_events::OfEffects of(&told, world.table(), start);
  const auto add = [&](std::string_view member) {
    Effect effect;
    effect.kind = EffectKind::add_member;
    effect.key = "t:s";
    effect.element = member;
    of.before(effect);
    world.strong({"SADD", "t:s", std::string(member)}, start);
    of.after(effect);
  };
  add("a");
  add("b");
  add("b");
  EXPECT_THAT(told.take(), ElementsAre("new t:s", "sadd t:s"));
}

// -- Beside Redis

// Redis tells `new` in another place, and we do not tell twice of a key that a command names twice.
std::vector<std::string> as_compared(std::vector<std::string> events) {
  std::vector<std::string> kept;
  for (std::string& event : events) {
    if (std::ranges::find(kept, event) == kept.end()) kept.push_back(std::move(event));
  }
  std::ranges::sort(kept);
  return kept;
}

std::vector<std::string> events_of(RealRedis& listener) {
  constexpr std::string_view prefix = "__keyevent@0__:";
  listener.run({"PING"});
  std::vector<std::string> events;
  for (const ReplyTree& push : listener.take_pushes()) {
    if (push.items.at(0).text != "pmessage") continue;
    events.push_back(push.items.at(2).text.substr(prefix.size()) + " " + push.items.at(3).text);
  }
  return events;
}

// Of a random member each takes another; what is told afterwards differs. Alone, what waits would
// wait; each server restores its own dumps only.
bool is_left_out(const Row& row) {
  return row.name == "SPOP" || row.name == "RESTORE" || row.waits.timeout_at != 0 ||
         (row.access != Access::read && row.access != Access::write);
}

// To Redis such a key is there until it is looked for, to us it never is.
bool is_set_with_a_past_time(const Line& line) {
  return line[0] == "SET" && std::ranges::any_of(line, [](const std::string& word) {
           return equals_nocase(word, "PXAT") || equals_nocase(word, "EXAT");
         });
}

// Redis tells of an LTRIM that leaves all as it was, and of a BITFIELD only where it has put
// another number.
bool is_told_otherwise(const Line& line) {
  return line[0] == "LTRIM" || line[0] == "BITFIELD";
}

RC_GTEST_PROP(KeyEvents, AreThoseOfRedis, ()) {
  RealRedis* const redis = RealRedis::instance();
  if (redis == nullptr) return;
  redis->run({"FLUSHALL"});
  redis->run({"CONFIG", "SET", "notify-keyspace-events", "Eg$lshzetdn"});
  const auto listener = redis->another();
  listener->send({"PSUBSCRIBE", "__keyevent@0__:*"});
  listener->run({"PING"});
  World world;
  Told told;
  world.events = &told;
  for (const Drawn& drawn :
       *gen_lines(false, 3.0, [](const Row& row) { return is_left_out(row) ? 0 : 1; })) {
    const auto now = std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
    redis->run(drawn.line);
    world.strong(drawn.line, now, drawn.seed);
    const auto theirs = as_compared(events_of(*listener));
    const auto mine = as_compared(told.take());
    if (mine != theirs && !is_set_with_a_past_time(drawn.line) && !is_told_otherwise(drawn.line)) {
      std::ostringstream text;
      text << drawn << "ours: " << ::testing::PrintToString(mine)
           << "\nRedis': " << ::testing::PrintToString(theirs);
      RC_FAIL(text.str());
    }
  }
  redis->run({"CONFIG", "SET", "notify-keyspace-events", ""});
}

}  // namespace
}  // namespace holdfast::command
