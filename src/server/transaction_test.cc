// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/limits.h"
#include "server/talk.h"

namespace holdfast::server {
namespace {

using fake::Talk;
using ::testing::StartsWith;

TEST(Transaction, QueuesCommandsAndHandsThemOverTogether) {
  Talk talk;
  EXPECT_EQ(talk.line("MULTI"), "+OK\r\n");
  EXPECT_EQ(talk.line("SET k 1"), "+QUEUED\r\n");
  EXPECT_EQ(talk.line("OBJECT ENCODING k"), "+QUEUED\r\n");
  EXPECT_TRUE(talk.backend.seen.empty());
  EXPECT_EQ(talk.line("EXEC"), "$4\r\nEXEC\r\n");
  ASSERT_EQ(talk.backend.seen.size(), 1U);
  const auto& queued = talk.backend.seen[0].transaction;
  ASSERT_EQ(queued.size(), 2U);
  EXPECT_EQ(queued[0].row->name, "SET");
  EXPECT_EQ(queued[0].args, (std::vector<std::string>{"SET", "k", "1"}));
  EXPECT_EQ(queued[1].row->name, "OBJECT ENCODING");
  EXPECT_EQ(talk.line("EXEC"), "-ERR EXEC without MULTI\r\n");
}

TEST(Transaction, OnceAndAfterCoverTheWholeOfIt) {
  Talk talk;
  talk.say("MULTI\r\nINCR k\r\nAFTER t0 ONCE id-1 EXEC\r\n");
  ASSERT_EQ(talk.backend.seen.size(), 1U);
  EXPECT_EQ(talk.backend.seen[0].request_id, "id-1");
  EXPECT_EQ(talk.backend.seen[0].after_token, "t0");
  EXPECT_EQ(talk.backend.seen[0].transaction.size(), 1U);
}

TEST(Transaction, WhatCannotBeQueuedSpoilsIt) {
  for (const char* line : {"NOSUCH", "GET", "ONCE id INCR k", "LOCAL GET k", "DBSIZE", "CLIENT ID",
                           "HELLO 3", "OUTCOME id ks", "UNWATCH", "COMMAND COUNT", "EXPLAIN k"}) {
    Talk talk;
    talk.line("MULTI");
    EXPECT_THAT(talk.line(line), StartsWith("-ERR ")) << line;
    EXPECT_EQ(talk.line("INCR k"), "+QUEUED\r\n");
    EXPECT_EQ(talk.line("EXEC"),
              "-EXECABORT Transaction discarded because of previous errors.\r\n");
    EXPECT_TRUE(talk.backend.seen.empty()) << line;
    EXPECT_EQ(talk.line("PING"), "+PONG\r\n");
  }
}

// They mean the same there as anywhere; clients' own tests and pipelines send them.
TEST(Transaction, TakesPingAndEcho) {
  Talk talk;
  talk.line("MULTI");
  for (const char* line : {"PING", "PING x", "ECHO x"})
    EXPECT_EQ(talk.line(line), "+QUEUED\r\n") << line;
  EXPECT_EQ(talk.line("EXEC"), "$4\r\nEXEC\r\n");
  EXPECT_EQ(talk.backend.seen.back().transaction.size(), 3U);
  EXPECT_EQ(talk.line("PING"), "+PONG\r\n");
}

TEST(Transaction, ASecondMultiAndAWatchInsideDoNotSpoilIt) {
  Talk talk;
  talk.line("MULTI");
  EXPECT_EQ(talk.line("MULTI"), "-ERR MULTI calls can not be nested\r\n");
  EXPECT_EQ(talk.line("WATCH k"), "-ERR WATCH inside MULTI is not allowed\r\n");
  EXPECT_EQ(talk.line("EXEC"), "$4\r\nEXEC\r\n");
}

TEST(Transaction, DiscardForgetsCommandsAndWatchedKeys) {
  Talk talk;
  talk.say("WATCH k\r\nMULTI\r\nINCR k\r\n");
  EXPECT_EQ(talk.line("DISCARD"), "+OK\r\n");
  EXPECT_EQ(talk.line("DISCARD"), "-ERR DISCARD without MULTI\r\n");
  talk.say("MULTI\r\nINCR k\r\nEXEC\r\n");
  EXPECT_EQ(talk.backend.seen.back().watched, nullptr);
  EXPECT_EQ(talk.backend.seen.back().transaction.size(), 1U);
}

TEST(Transaction, WatchFillsTheSetThatExecChecks) {
  Talk talk;
  talk.say("WATCH a\r\nWATCH b\r\n");
  ASSERT_EQ(talk.backend.seen.size(), 2U);
  ASSERT_NE(talk.backend.seen[0].watched, nullptr);
  talk.say("MULTI\r\nINCR a\r\nEXEC\r\n");
  EXPECT_EQ(talk.backend.seen[2].watched, talk.backend.seen[0].watched);
  EXPECT_EQ(talk.backend.seen[1].watched, talk.backend.seen[0].watched);
  talk.say("MULTI\r\nINCR a\r\nEXEC\r\n");
  EXPECT_EQ(talk.backend.seen[3].watched, nullptr);  // one EXEC, one check
}

TEST(Transaction, ExecWaitsForTheWatchBeforeIt) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say("WATCH a\r\nMULTI\r\nINCR a\r\nEXEC\r\n");
  ASSERT_EQ(talk.backend.under_way.size(), 1U);
  EXPECT_EQ(talk.backend.under_way[0].row->name, "WATCH");
  EXPECT_EQ(talk.complete_all(), "$7\r\nWATCH a\r\n+OK\r\n+QUEUED\r\n$4\r\nEXEC\r\n");
}

TEST(Transaction, ExpectAddsVersionsThatWereSeenElsewhere) {
  Talk talk;
  EXPECT_EQ(talk.line("EXPECT a 17 b 0"), "+OK\r\n");
  EXPECT_TRUE(talk.backend.seen.empty());
  talk.say("MULTI\r\nSET a x\r\n");
  EXPECT_EQ(talk.line("EXPECT a 18"), "-ERR EXPECT inside MULTI is not allowed\r\n");
  talk.line("EXEC");
  const auto& watched = talk.backend.seen.back().watched;
  ASSERT_NE(watched, nullptr);
  ASSERT_EQ(watched->keys.size(), 2U);
  EXPECT_EQ(watched->keys[0].key, "a");
  EXPECT_EQ(watched->keys[0].version, 17U);
  EXPECT_EQ(watched->keys[1].version, 0U);
  talk.say("MULTI\r\nSET a x\r\nEXEC\r\n");
  EXPECT_EQ(talk.backend.seen.back().watched, nullptr);  // one EXEC, one check
  EXPECT_THAT(talk.line("EXPECT a 1 b"), StartsWith("-ERR wrong number of arguments"));
  EXPECT_THAT(talk.line("EXPECT a x"), StartsWith("-ERR value is not an integer"));
  EXPECT_THAT(talk.line("EXPECT a -1"), StartsWith("-ERR "));
}

TEST(Transaction, UnwatchForgets) {
  Talk talk;
  talk.say("WATCH a\r\nUNWATCH\r\nMULTI\r\nINCR a\r\nEXEC\r\n");
  EXPECT_EQ(talk.backend.seen.back().watched, nullptr);
}

TEST(Transaction, WhatTheRouteRefusesIsOver) {
  Talk talk;
  talk.say("MULTI\r\nINCR a\r\nINCR ev:a\r\n");
  EXPECT_EQ(talk.line("EXEC"), "-CROSSKEYSPACE two keyspaces\r\n");
  EXPECT_EQ(talk.line("EXEC"), "-ERR EXEC without MULTI\r\n");
  EXPECT_TRUE(talk.backend.seen.empty());
}

TEST(Transaction, CommandsAreBounded) {
  Talk talk;
  talk.line("MULTI");
  std::string bytes;
  for (std::size_t i = 0; i < limits::transaction_commands_max; ++i) bytes += "INCR k\r\n";
  talk.say(bytes);
  EXPECT_EQ(talk.session.queued_commands(), limits::transaction_commands_max);
  EXPECT_EQ(talk.line("INCR k"), "-ERR too much in one transaction\r\n");
  EXPECT_THAT(talk.line("EXEC"), StartsWith("-EXECABORT"));
}

TEST(Transaction, WatchedKeysAreBounded) {
  Talk talk;
  std::vector<std::string> watch{"WATCH"};
  for (std::size_t i = 0; i < limits::watched_keys_max; ++i) watch.push_back(std::to_string(i));
  EXPECT_THAT(talk.ask(watch), StartsWith("$"));
  EXPECT_EQ(talk.line("WATCH one-more"), "-ERR too many watched keys\r\n");
  talk.line("UNWATCH");
  EXPECT_THAT(talk.line("WATCH one-more"), StartsWith("$"));
}

TEST(Transaction, ResetEndsIt) {
  Talk talk;
  talk.say("WATCH a\r\nMULTI\r\nINCR a\r\n");
  EXPECT_EQ(talk.line("RESET"), "+RESET\r\n");
  EXPECT_EQ(talk.line("EXEC"), "-ERR EXEC without MULTI\r\n");
}

// A model of the state machine: open, spoiled, how many are queued.
RC_GTEST_PROP(Transaction, BehavesAsItsModel, ()) {
  Talk talk;
  bool open = false;
  bool spoiled = false;
  std::size_t queued = 0;
  const int count = *rc::gen::inRange(1, 40);
  for (int i = 0; i < count; ++i) {
    const int what = *rc::gen::inRange(0, 6);
    const char* const lines[] = {"MULTI", "EXEC", "DISCARD", "INCR k", "NOSUCH", "ONCE id EXEC"};
    const std::string reply = talk.line(lines[what]);
    switch (what) {
      case 0:
        RC_ASSERT((reply == "+OK\r\n") == !open);
        open = true;
        break;
      case 1:
      case 5:
        if (!open) {
          RC_ASSERT(reply == "-ERR EXEC without MULTI\r\n");
        } else if (spoiled) {
          RC_ASSERT(reply.starts_with("-EXECABORT"));
        } else {
          RC_ASSERT(reply == "$4\r\nEXEC\r\n");
          RC_ASSERT(talk.backend.seen.back().transaction.size() == queued);
          RC_ASSERT(talk.backend.seen.back().request_id == (what == 5 ? "id" : ""));
        }
        open = spoiled = false;
        queued = 0;
        break;
      case 2:
        RC_ASSERT((reply == "+OK\r\n") == open);
        open = spoiled = false;
        queued = 0;
        break;
      case 3:
        RC_ASSERT((reply == "+QUEUED\r\n") == open);
        if (open) ++queued;
        break;
      default:
        RC_ASSERT(reply.starts_with("-ERR unknown command"));
        spoiled = spoiled || open;
        break;
    }
    RC_ASSERT(talk.session.in_transaction() == open);
  }
}

}  // namespace
}  // namespace holdfast::server
