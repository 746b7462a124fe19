// SPDX-License-Identifier: Apache-2.0
#include "server/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/limits.h"
#include "server/talk.h"

namespace holdfast::server {
namespace {

using fake::encoded;
using fake::Talk;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Session, AnswersInTheOrderOfTheRequests) {
  Talk talk;
  talk.backend.answers_at_once = false;
  EXPECT_EQ(talk.say(encoded({"GET", "a"}) + encoded({"GET", "b"}) + encoded({"PING"})), "");
  talk.backend.complete(talk.world, 1);
  EXPECT_EQ(fake::hear(talk.session), "");
  talk.backend.complete(talk.world, 0);
  EXPECT_EQ(fake::hear(talk.session), "$5\r\nGET a\r\n$5\r\nGET b\r\n+PONG\r\n");
}

TEST(Session, AReadBehindAWriteUnderWaySaysSo) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(encoded({"SET", "a", "1"}) + encoded({"GET", "a"}));
  ASSERT_EQ(talk.backend.seen.size(), 2U);
  EXPECT_FALSE(talk.backend.seen[0].behind);
  EXPECT_TRUE(talk.backend.seen[1].behind);
}

TEST(Session, AChangeOfPathWaitsUntilTheEarlierIsDone) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(encoded({"SET", "a", "1"}) + encoded({"INCR", "ev:a"}) + encoded({"SET", "b", "1"}));
  ASSERT_EQ(talk.backend.under_way.size(), 1U);
  EXPECT_FALSE(talk.session.wants_input());
  EXPECT_EQ(talk.complete_all(), "$7\r\nSET a 1\r\n$9\r\nINCR ev:a\r\n$7\r\nSET b 1\r\n");
  EXPECT_TRUE(talk.session.wants_input());
}

TEST(Session, ACommandAfterWhatTheNodeHasNotSeenWaitsAndSoDoThoseBehindIt) {
  Talk talk;
  talk.backend.unseen = "token";
  EXPECT_EQ(talk.say(encoded({"GET", "a"}) + encoded({"AFTER", "token", "GET", "b"}) +
                     encoded({"GET", "c"})),
            "$5\r\nGET a\r\n");
  EXPECT_TRUE(talk.session.waits_for_node());
  EXPECT_FALSE(talk.session.can_resume());
  EXPECT_FALSE(talk.session.wants_input());
  talk.session.resume();
  EXPECT_TRUE(talk.session.waits_for_node());
  talk.backend.unseen.clear();
  talk.session.resume();
  EXPECT_FALSE(talk.session.waits_for_node());
  EXPECT_EQ(fake::hear(talk.session), "$5\r\nGET b\r\n$5\r\nGET c\r\n");
}

TEST(Session, WhatWaitsForTheNodeIsToldOfItsPatiencesEndAndTheNextWaitsAnew) {
  Talk talk;
  talk.backend.unseen = "token";
  EXPECT_EQ(
      talk.say(encoded({"AFTER", "token", "GET", "a"}) + encoded({"AFTER", "token", "GET", "b"})),
      "");
  talk.backend.time += Millis(5'000);
  talk.session.resume();
  EXPECT_EQ(fake::hear(talk.session), "-UNAVAILABLE not seen\r\n");
  EXPECT_EQ(talk.backend.waited, Millis(0));
  EXPECT_TRUE(talk.session.waits_for_node());
}

TEST(Session, ANodesRowWaitsForEverythingAndLetsNothingPass) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(encoded({"SET", "a", "1"}) + encoded({"DBSIZE"}) + encoded({"GET", "a"}));
  EXPECT_EQ(talk.backend.under_way.size(), 1U);
  talk.backend.complete(talk.world, 0);
  talk.session.resume();
  ASSERT_EQ(talk.backend.under_way.size(), 1U);
  EXPECT_EQ(talk.backend.under_way[0].row->name, "DBSIZE");
  talk.complete_all();
  EXPECT_EQ(talk.backend.seen.size(), 3U);
}

TEST(Session, ErrorsOfTheRouteTakeTheirPlaceInTheOrder) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(encoded({"GET", "a"}) + encoded({"SET", "no:a", "1"}) + encoded({"MGET", "a", "ev:b"}));
  EXPECT_EQ(talk.complete_all(),
            "$5\r\nGET a\r\n-NOID this keyspace wants request ids\r\n"
            "-CROSSKEYSPACE two keyspaces\r\n");
}

TEST(Session, UnknownCommandsAndWrongCountsAreWordedAsRedisDoes) {
  Talk talk;
  EXPECT_EQ(talk.ask({"nosuch", "a", "b"}),
            "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' \r\n");
  EXPECT_EQ(talk.ask({"GET"}), "-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_EQ(talk.ask({"client"}), "-ERR wrong number of arguments for 'client' command\r\n");
  EXPECT_EQ(talk.ask({"client", "nosuch"}),
            "-ERR unknown subcommand 'nosuch'. Try CLIENT HELP.\r\n");
  EXPECT_EQ(talk.ask({"command", "nosuch"}),
            "-ERR unknown subcommand 'nosuch'. Try COMMAND HELP.\r\n");
  EXPECT_EQ(talk.ask({"client", "id", "x"}),
            "-ERR wrong number of arguments for 'client|id' command\r\n");
  EXPECT_EQ(talk.ask({""}), "-ERR unknown command '', with args beginning with: \r\n");
}

TEST(Session, ALongUnknownCommandIsNotSentBackWhole) {
  Talk talk;
  const std::string reply = talk.ask({std::string(1 << 20, 'x'), std::string(1 << 20, 'y')});
  EXPECT_LT(reply.size(), 400U);
}

TEST(Session, NoErrorCarriesALineBreak) {
  Talk talk;
  const std::string name = "foo\r\n+OK\r\nbar";
  for (const std::vector<std::string>& request :
       std::vector<std::vector<std::string>>{{name},
                                             {"GET", name, name},
                                             {"CLIENT", name},
                                             {"HELLO", "3", name},
                                             {"CLIENT", "SETINFO", name, "x"},
                                             {"CLIENT", "KILL", "USER", name}}) {
    const std::string reply = talk.ask(request);
    EXPECT_THAT(reply, StartsWith("-"));
    EXPECT_EQ(reply.find('\n'), reply.size() - 1) << reply;
  }
}

TEST(Session, AProtocolErrorIsAnsweredAfterWhatIsOwedAndEndsTheConnection) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(encoded({"GET", "a"}) + "*x\r\n" + encoded({"GET", "b"}));
  EXPECT_FALSE(talk.session.finished());
  talk.backend.complete(talk.world, 0);
  EXPECT_EQ(fake::hear(talk.session),
            "$5\r\nGET a\r\n-ERR Protocol error: invalid multibulk length\r\n");
  EXPECT_TRUE(talk.session.finished());
  EXPECT_EQ(talk.backend.seen.size(), 1U);
}

TEST(Session, QuitAnswersWhatCameBeforeAndNothingAfter) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(encoded({"GET", "a"}) + encoded({"QUIT"}) + encoded({"SET", "a", "1"}));
  EXPECT_EQ(talk.complete_all(), "$5\r\nGET a\r\n+OK\r\n");
  EXPECT_TRUE(talk.session.finished());
  EXPECT_EQ(talk.backend.seen.size(), 1U);
}

TEST(Session, WhatWasAskedBeforeTheEndOfInputIsAnswered) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(encoded({"SET", "a", "1"}) + encoded({"INCR", "ev:a"}) + "*1\r\n$4\r\nPI");
  talk.session.end_of_input();
  EXPECT_FALSE(talk.session.finished());
  EXPECT_EQ(talk.complete_all(), "$7\r\nSET a 1\r\n$9\r\nINCR ev:a\r\n");
  EXPECT_TRUE(talk.session.finished());
}

TEST(Session, HttpIsCutOffAtOnceAndItsBodyDoesNotRun) {
  for (const char* request : {"POST / HTTP/1.1\r\nHost: a\r\n\r\nSET x y\r\n",
                              "GET / HTTP/1.1\r\nHost: a\r\n\r\nSET x y\r\n",
                              "Host: a\r\nSET x y\r\n", "*1\r\n$4\r\npost\r\nSET x y\r\n"}) {
    Talk talk;
    talk.say(request);
    EXPECT_TRUE(talk.session.cut_off()) << request;
    EXPECT_TRUE(talk.backend.seen.empty()) << request;
  }
}

// -- The wrappers.

TEST(Wrappers, MayStandInAnyOrder) {
  for (const char* line : {"ONCE id-1 AFTER t0 INCR k", "AFTER t0 ONCE id-1 INCR k"}) {
    Talk talk;
    talk.line(line);
    ASSERT_EQ(talk.backend.seen.size(), 1U) << line;
    const auto& seen = talk.backend.seen[0];
    EXPECT_EQ(seen.args, (std::vector<std::string>{"INCR", "k"}));
    EXPECT_EQ(seen.request_id, "id-1");
    EXPECT_EQ(seen.after_token, "t0");
  }
}

TEST(Wrappers, ReadModesReachTheBackend) {
  Talk talk;
  talk.line("local get k");
  talk.line("FRESH 250 AFTER t0 GET ev:k");
  ASSERT_EQ(talk.backend.seen.size(), 2U);
  EXPECT_EQ(talk.backend.seen[0].read_mode, ReadMode::local);
  EXPECT_EQ(talk.backend.seen[1].read_mode, ReadMode::fresh);
  EXPECT_EQ(talk.backend.seen[1].fresh_within, Millis(250));
  EXPECT_EQ(talk.backend.seen[1].after_token, "t0");
}

TEST(Wrappers, AReadUnderOncePassesThroughWithoutTheId) {
  Talk talk;
  talk.line("ONCE id-1 GET k");
  ASSERT_EQ(talk.backend.seen.size(), 1U);
  EXPECT_EQ(talk.backend.seen[0].request_id, "");
}

TEST(Wrappers, WhatMakesNoSenseIsRefusedAndNothingRuns) {
  Talk talk;
  for (const char* line : {"ONCE a ONCE b INCR k",
                           "LOCAL LOCAL GET k",
                           "LOCAL FRESH 1 GET k",
                           "AFTER a AFTER b GET k",
                           "ONCE",
                           "ONCE id",
                           "ONCE id ONCE",
                           "LOCAL",
                           "FRESH x GET k",
                           "FRESH -1 GET k",
                           "LOCAL SET k v",
                           "FRESH 1 INCR k",
                           "ONCE id PING",
                           "ONCE id MULTI",
                           "LOCAL EXEC",
                           "ONCE id DBSIZE",
                           "ONCE id NOSUCH k",
                           "ONCE id GET",
                           "AFTER \"\" GET k",
                           "ONCE id WATCH k",
                           "ONCE id VOID other ks",
                           "AFTER t CLIENT ID"}) {
    EXPECT_THAT(talk.line(line), StartsWith("-ERR ")) << line;
  }
  EXPECT_TRUE(talk.backend.seen.empty());
}

TEST(Wrappers, ABadRequestIdIsRefused) {
  Talk talk;
  const std::string error =
      "-ERR a request id is 1 to 64 printable ASCII characters without spaces\r\n";
  for (const std::string& id :
       {std::string(), std::string("a b"), std::string(65, 'a'), std::string("a\nb"),
        std::string("a\0b", 3), std::string("\xC3\xA9")}) {
    EXPECT_EQ(talk.ask({"ONCE", id, "INCR", "k"}), error);
  }
  EXPECT_EQ(talk.ask({"ONCE", std::string(64, '~'), "INCR", "k"}), "$6\r\nINCR k\r\n");
}

TEST(Wrappers, EveryWrapperRowIsOneThatUnwrapKnows) {
  Talk talk;
  for (const Row& row : wrapper_rows()) {
    const std::string reply = talk.ask({std::string(row.name), "1", "GET", "k"});
    EXPECT_FALSE(reply.empty()) << row.name;
  }
}

TEST(Replay, IsSaidByAnAttributeInResp3ToThoseWhoAsked) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(encoded({"ONCE", "a", "INCR", "k"}));
  talk.backend.complete(talk.world, 0, Replay::reply);
  EXPECT_EQ(fake::hear(talk.session), "$6\r\nINCR k\r\n");
  talk.say(encoded({"HELLO", "3"}));
  talk.say(encoded({"ONCE", "a", "INCR", "k"}));
  talk.backend.complete(talk.world, 0, Replay::reply);
  EXPECT_EQ(fake::hear(talk.session), "$6\r\nINCR k\r\n");
  talk.say(encoded({"HELLO", "3", "REPLAYS"}));
  talk.say(encoded({"ONCE", "a", "INCR", "k"}) + encoded({"ONCE", "b", "INCR", "k"}));
  talk.backend.complete(talk.world, 1, Replay::effect);
  talk.backend.complete(talk.world, 0, Replay::reply);
  EXPECT_EQ(fake::hear(talk.session),
            "|1\r\n+idempotency-replayed\r\n+reply\r\n$6\r\nINCR k\r\n"
            "|1\r\n+idempotency-replayed\r\n+effect\r\n$6\r\nINCR k\r\n");
}

// -- Back-pressure and limits.

TEST(BackPressure, RequestsUnderWayAreBounded) {
  Talk talk;
  talk.backend.answers_at_once = false;
  std::string bytes;
  for (std::size_t i = 0; i < limits::pipeline_outstanding_max + 10; ++i) bytes += "GET k\r\n";
  talk.say(bytes);
  EXPECT_EQ(talk.backend.under_way.size(), limits::pipeline_outstanding_max);
  EXPECT_FALSE(talk.session.wants_input());
  talk.backend.complete(talk.world, 0);
  EXPECT_FALSE(talk.session.can_resume());  // not one by one
  std::size_t i = limits::pipeline_outstanding_max / 2;
  while (i-- > 0) talk.backend.complete(talk.world, talk.backend.under_way.size() - 1);
  EXPECT_FALSE(talk.session.can_resume());  // finished out of order: still owed
}

TEST(BackPressure, APeerThatDoesNotReadStopsBeingServedThenIsCutOff) {
  Talk talk;
  talk.world.context.output_bytes_max = 100'000;
  talk.backend.reply = "$10000\r\n" + std::string(10'000, 'x') + "\r\n";
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += "GET k\r\n";
  fake::feed(talk.session, bytes);
  EXPECT_LE(talk.session.unsent_bytes(), 100'000U + 10'010U);
  EXPECT_FALSE(talk.session.wants_input());
  // However much the kernel's buffers took at first.
  talk.session.sent(1'000'000, 0);
  for (int second = 1; second < limits::reader_seconds_max; ++second) talk.session.tick();
  EXPECT_FALSE(talk.session.cut_off());
  talk.session.tick();
  EXPECT_TRUE(talk.session.cut_off());
  EXPECT_TRUE(talk.session.is_slow_reader());
  EXPECT_THAT(talk.session.why_cut(), HasSubstr("output limit"));
}

TEST(BackPressure, APeerThatReadsGetsAllHoweverMuchItIs) {
  Talk talk;
  talk.world.context.output_bytes_max = 100'000;
  talk.backend.reply = "$10000\r\n" + std::string(10'000, 'x') + "\r\n";
  std::string bytes;
  for (int i = 0; i < 1'000; ++i) bytes += "GET k\r\n";
  fake::feed(talk.session, bytes);
  std::size_t heard = 0;
  for (int i = 0; i < 1'000 && heard < 10'010'000; ++i) {
    heard += fake::hear(talk.session).size();
    talk.session.tick();
    if (talk.session.can_resume()) talk.session.resume();
  }
  EXPECT_EQ(heard, 10'010'000U);
  EXPECT_FALSE(talk.session.cut_off());
}

TEST(BackPressure, ManyLargeRepliesUnderWayTogetherAreBounded) {
  Talk talk;
  talk.world.context.output_bytes_max = 100'000;
  talk.backend.answers_at_once = false;
  talk.backend.reply = "$10000\r\n" + std::string(10'000, 'x') + "\r\n";
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += "GET k\r\n";
  talk.say(bytes);
  while (!talk.backend.under_way.empty() && !talk.session.cut_off()) {
    talk.backend.complete(talk.world, talk.backend.under_way.size() - 1);
  }
  EXPECT_TRUE(talk.session.cut_off());
  EXPECT_LE(talk.session.unsent_bytes(), 220'000U);
}

TEST(TimeLimit, ARequestThatDoesNotCompleteIsCutOff) {
  Talk talk;
  talk.say("*2\r\n$3\r\nGET\r\n$100\r\n");
  for (int second = 1; second < limits::request_seconds_max; ++second) {
    talk.session.tick();
    talk.say("x");  // a byte now and then does not help
    ASSERT_FALSE(talk.session.cut_off());
  }
  talk.session.tick();
  EXPECT_TRUE(talk.session.cut_off());
}

TEST(TimeLimit, ALargeRequestThatKeepsItsPaceMayTakeLonger) {
  Talk talk;
  talk.say("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4000000\r\n");
  const std::string second(100'000, 'x');
  for (int i = 0; i < 40; ++i) {
    talk.say(second);
    talk.session.tick();
  }
  EXPECT_THAT(talk.say("\r\n"), StartsWith("$4000006\r\nSET k xxx"));
}

TEST(TimeLimit, AnIdleConnectionIsClosedOnlyWhereConfigured) {
  Talk talk;
  for (int i = 0; i < 1'000; ++i) talk.session.tick();
  EXPECT_FALSE(talk.session.cut_off());
  talk.world.context.idle_seconds_max = 3;
  talk.line("PING");
  for (int i = 0; i < 2; ++i) talk.session.tick();
  EXPECT_FALSE(talk.session.cut_off());
  talk.session.tick();
  EXPECT_EQ(talk.session.why_cut(), "idle");
}

// -- Properties.

struct Asked {
  std::vector<std::string> args;
  std::string reply;  // the fake backend's
};

Asked any_request(int number) {
  const std::string tag = std::to_string(number);
  switch (*rc::gen::inRange(0, 6)) {
    case 0:
      return {{"PING", tag}, "$" + std::to_string(tag.size()) + "\r\n" + tag + "\r\n"};
    case 1:
      return {{"NOSUCH", tag},
              "-ERR unknown command 'NOSUCH', with args beginning with: '" + tag + "' \r\n"};
    case 2:
      return {{"DBSIZE"}, "$6\r\nDBSIZE\r\n"};
    case 3: {
      const std::string text = "SET ev:" + tag + " v";
      return {{"SET", "ev:" + tag, "v"},
              "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"};
    }
    default: {
      const std::string text = "GET " + tag;
      return {{"GET", tag}, "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"};
    }
  }
}

// The fake backend asserts that paths and `behind` are kept.
RC_GTEST_PROP(Session, RepliesComeInOrderWhateverTheOrderOfCompletion, ()) {
  Talk talk;
  talk.backend.answers_at_once = false;
  std::string bytes;
  std::string expected;
  const int count = *rc::gen::inRange(1, 60);
  for (int i = 0; i < count; ++i) {
    const Asked asked = any_request(i);
    bytes += encoded(asked.args);
    expected += asked.reply;
  }
  std::string heard;
  std::size_t fed = 0;
  while (heard.size() < expected.size()) {
    const int what = *rc::gen::inRange(0, 4);
    if (what == 0 && fed < bytes.size() && talk.session.wants_input()) {
      const std::size_t n = std::min(bytes.size() - fed, *rc::gen::inRange<std::size_t>(1, 200));
      fake::feed(talk.session, std::string_view(bytes).substr(fed, n));
      fed += n;
    } else if (what == 1) {
      talk.backend.answers_at_once = *rc::gen::arbitrary<bool>();
    } else if (!talk.backend.under_way.empty()) {
      talk.backend.complete(talk.world,
                            *rc::gen::inRange<std::size_t>(0, talk.backend.under_way.size()));
    }
    if (talk.session.can_resume()) talk.session.resume();
    heard += fake::hear(talk.session);
    RC_ASSERT(expected.starts_with(heard));
  }
  RC_ASSERT(talk.session.wants_input());
}

}  // namespace
}  // namespace holdfast::server
