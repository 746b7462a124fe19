// SPDX-License-Identifier: Apache-2.0
#include "server/session_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "command/parse.h"
#include "server/command_facts.h"
#include "server/command_syntax.h"
#include "server/talk.h"

namespace holdfast::server {
namespace {

using fake::encoded;
using fake::Talk;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Hello, SwitchesTheFormAndTellsAboutTheServer) {
  Talk talk;
  const std::string facts3 = talk.ask({"HELLO", "3"});
  EXPECT_THAT(facts3, StartsWith("%7\r\n$6\r\nserver\r\n"));
  EXPECT_THAT(facts3, HasSubstr("$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n"));
  EXPECT_EQ(talk.session.form(), Form::resp3);
  EXPECT_THAT(talk.ask({"HELLO"}), HasSubstr("$5\r\nproto\r\n:3\r\n"));
  EXPECT_THAT(talk.ask({"HELLO", "2"}), StartsWith("*14\r\n"));
  EXPECT_EQ(talk.session.form(), Form::resp2);
}

TEST(Hello, RefusesOtherVersionsAndOptionsAndChangesNothing) {
  Talk talk;
  EXPECT_EQ(talk.ask({"HELLO", "4"}), "-NOPROTO unsupported protocol version\r\n");
  EXPECT_EQ(talk.ask({"HELLO", "abc"}),
            "-ERR Protocol version is not an integer or out of range\r\n");
  EXPECT_EQ(talk.ask({"HELLO", "3", "FOO"}), "-ERR Syntax error in HELLO option 'FOO'\r\n");
  EXPECT_EQ(talk.ask({"HELLO", "3", "AUTH", "a", "b"}),
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_THAT(talk.ask({"HELLO", "3", "SETNAME", "a b"}), StartsWith("-ERR Client names"));
  EXPECT_EQ(talk.session.form(), Form::resp2);
  talk.ask({"HELLO", "3", "SETNAME", "me"});
  EXPECT_EQ(talk.ask({"CLIENT", "GETNAME"}), "$2\r\nme\r\n");
}

TEST(Hello, EarlierRepliesKeepTheEarlierForm) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.backend.reply = "%1\r\n+a\r\n:1\r\n";
  talk.say(encoded({"GET", "a"}) + encoded({"HELLO", "3"}) + encoded({"GET", "b"}));
  const std::string heard = talk.complete_all();
  EXPECT_THAT(heard, StartsWith("*2\r\n+a\r\n:1\r\n%7\r\n"));
  EXPECT_TRUE(heard.ends_with("*0\r\n%1\r\n+a\r\n:1\r\n"));
}

TEST(Connection, SmallCommands) {
  Talk talk;
  EXPECT_EQ(talk.line("PING"), "+PONG\r\n");
  EXPECT_EQ(talk.line("PING a"), "$1\r\na\r\n");
  EXPECT_EQ(talk.line("PING a b"), "-ERR wrong number of arguments for 'ping' command\r\n");
  EXPECT_EQ(talk.line("ECHO hello"), "$5\r\nhello\r\n");
  EXPECT_EQ(talk.line("SELECT 0"), "+OK\r\n");
  EXPECT_EQ(talk.line("SELECT 1"), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(talk.line("SELECT x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_THAT(talk.line("AUTH secret"), StartsWith("-ERR AUTH <password> called without"));
  EXPECT_EQ(talk.line("AUTH me secret"),
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
}

TEST(Connection, ResetMakesItNew) {
  Talk talk;
  talk.ask({"HELLO", "3", "SETNAME", "me"});
  talk.say("CLIENT REPLY OFF\r\nMULTI\r\n");
  EXPECT_EQ(talk.line("RESET"), "+RESET\r\n");
  EXPECT_EQ(talk.session.form(), Form::resp2);
  EXPECT_FALSE(talk.session.in_transaction());
  EXPECT_EQ(talk.line("CLIENT GETNAME"), "$-1\r\n");
}

TEST(ClientReply, OffSaysNothingUntilOn) {
  Talk talk;
  EXPECT_EQ(talk.say("CLIENT REPLY OFF\r\nSET a 1\r\nNOSUCH\r\nPING\r\nMULTI\r\nGET a\r\nEXEC\r\n"),
            "");
  EXPECT_EQ(talk.backend.seen.size(), 2U);
  EXPECT_EQ(talk.say("CLIENT REPLY ON\r\nPING\r\n"), "+OK\r\n+PONG\r\n");
}

TEST(ClientReply, SkipLeavesOutOneReply) {
  Talk talk;
  EXPECT_EQ(talk.say("CLIENT REPLY SKIP\r\nSET a 1\r\nPING\r\n"), "+PONG\r\n");
  talk.backend.answers_at_once = false;
  talk.say("CLIENT REPLY SKIP\r\nSET a 1\r\nSET b 1\r\n");
  talk.backend.complete(talk.world, 1);
  talk.backend.complete(talk.world, 0);
  EXPECT_EQ(fake::hear(talk.session), "$7\r\nSET b 1\r\n");
}

TEST(ClientReply, SkipHoldsForARequestThatHadToWait) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say("SET a 1\r\nCLIENT REPLY SKIP\r\nINCR ev:a\r\nINCR ev:b\r\n");
  EXPECT_EQ(talk.complete_all(), "$7\r\nSET a 1\r\n$9\r\nINCR ev:b\r\n");
}

TEST(ClientPause, HoldsCommandsOfKeysUntilItsTimeIsUp) {
  Talk talk;
  EXPECT_EQ(talk.line("CLIENT PAUSE 100"), "+OK\r\n");
  EXPECT_EQ(talk.say("PING\r\nGET a\r\nSET b 1\r\n"), "+PONG\r\n");
  EXPECT_TRUE(talk.session.waits_for_node());
  talk.backend.time += Millis(99);
  talk.session.resume();
  EXPECT_TRUE(talk.session.waits_for_node());
  talk.backend.time += Millis(1);
  talk.session.resume();
  EXPECT_EQ(fake::hear(talk.session), "$5\r\nGET a\r\n$7\r\nSET b 1\r\n");
}

TEST(ClientPause, OfWritesLetsReadsPass) {
  Talk talk;
  Session& other = talk.world.connect();
  EXPECT_EQ(talk.line("CLIENT PAUSE 1000 WRITE"), "+OK\r\n");
  EXPECT_EQ(talk.say("GET a\r\nMULTI\r\nGET a\r\nEXEC\r\n"),
            "$5\r\nGET a\r\n+OK\r\n+QUEUED\r\n$4\r\nEXEC\r\n");
  EXPECT_EQ(talk.say("MULTI\r\nSET a 1\r\nEXEC\r\n"), "+OK\r\n+QUEUED\r\n");
  EXPECT_TRUE(talk.session.waits_for_node());
  // A later one is never shorter, nor less.
  fake::feed(other, "CLIENT PAUSE 1\r\nGET a\r\n");
  EXPECT_EQ(fake::hear(other), "+OK\r\n");
  EXPECT_TRUE(other.waits_for_node());
  talk.backend.pause() = {};
  talk.session.resume();
  other.resume();
  EXPECT_EQ(fake::hear(talk.session), "$4\r\nEXEC\r\n");
  EXPECT_EQ(fake::hear(other), "$5\r\nGET a\r\n");
}

TEST(Tally, CountsCallsRefusalsAndErrors) {
  Talk talk;
  talk.say("GET a\r\nGET b\r\nGET no:a\r\nSELECT 1\r\nNOSUCH\r\n");
  talk.backend.reply = "-WRONGTYPE no\r\n";
  talk.line("GET c");
  talk.backend.answers_at_once = false;
  talk.line("SET c 1");
  talk.complete_all();
  const Tally& tally = talk.backend.tally();
  const Row* const get = talk.world.context.commands.find("GET");
  EXPECT_EQ(tally.calls().at(get).calls, 4U);
  EXPECT_EQ(tally.calls().at(get).failed, 1U);
  EXPECT_EQ(tally.errors().at("WRONGTYPE"), 2U);
  EXPECT_EQ(tally.errors().at("ERR"), 2U);
  EXPECT_EQ(tally.errors().at("NOID"), 1U);
  EXPECT_EQ(tally.errors_answered(), 5U);
}

TEST(Client, NamesAndLabels) {
  Talk talk;
  EXPECT_EQ(talk.line("CLIENT ID"), ":1\r\n");
  EXPECT_EQ(talk.line("CLIENT GETNAME"), "$-1\r\n");
  EXPECT_EQ(talk.line("CLIENT SETNAME one"), "+OK\r\n");
  EXPECT_EQ(talk.line("client getname"), "$3\r\none\r\n");
  EXPECT_THAT(talk.line("CLIENT SETNAME \"a b\""), StartsWith("-ERR Client names cannot contain"));
  EXPECT_THAT(talk.ask({"CLIENT", "SETNAME", std::string(257, 'a')}), StartsWith("-ERR "));
  EXPECT_EQ(talk.ask({"CLIENT", "SETNAME", std::string(256, 'a')}), "+OK\r\n");
  EXPECT_EQ(talk.line("CLIENT SETNAME \"\""), "+OK\r\n");
  EXPECT_EQ(talk.line("CLIENT SETINFO lib-name x"), "+OK\r\n");
  EXPECT_EQ(talk.line("CLIENT SETINFO LIB-VER 1.2"), "+OK\r\n");
  EXPECT_EQ(talk.line("CLIENT SETINFO other 1.2"), "-ERR Unrecognized option 'other'\r\n");
  const std::string info = talk.line("CLIENT INFO");
  EXPECT_THAT(info, HasSubstr("id=1 addr=127.0.0.1:10001 laddr=127.0.0.1:7379 fd=7 name= "));
  EXPECT_THAT(info, HasSubstr(" cmd=client|info "));
  EXPECT_THAT(info, HasSubstr(" lib-name=x lib-ver=1.2 protocol=resp\n"));
}

TEST(Client, ListShowsWhoIsAskedFor) {
  Talk talk;
  Session& other = talk.world.connect();
  fake::feed(other, "MULTI\r\nGET a\r\n");
  const std::string all = talk.line("CLIENT LIST");
  EXPECT_THAT(all, HasSubstr("id=1 "));
  EXPECT_THAT(all, HasSubstr("id=2 "));
  EXPECT_THAT(all, HasSubstr(" multi=1 "));
  EXPECT_THAT(talk.line("CLIENT LIST ID 2 7"), Not(HasSubstr("id=1 ")));
  EXPECT_EQ(talk.line("CLIENT LIST TYPE pubsub"), "$0\r\n\r\n");
  EXPECT_THAT(talk.line("CLIENT LIST TYPE normal"), HasSubstr("id=1 "));
  EXPECT_EQ(talk.line("CLIENT LIST TYPE odd"), "-ERR Unknown client type 'odd'\r\n");
  EXPECT_EQ(talk.line("CLIENT LIST ID x"), "-ERR Invalid client ID\r\n");
  EXPECT_EQ(talk.line("CLIENT LIST ODD"), "-ERR syntax error\r\n");
  talk.ask({"HELLO", "3"});
  EXPECT_THAT(talk.line("CLIENT LIST"), StartsWith("="));
}

TEST(Client, KillsByAddressIdAndOthers) {
  Talk talk;
  Session& second = talk.world.connect();
  Session& third = talk.world.connect();
  EXPECT_EQ(talk.line("CLIENT KILL 127.0.0.1:10002"), "+OK\r\n");
  EXPECT_TRUE(second.cut_off());
  EXPECT_EQ(talk.line("CLIENT KILL 127.0.0.1:10002"), "-ERR No such client\r\n");
  EXPECT_EQ(talk.line("CLIENT KILL ID 99"), ":0\r\n");
  EXPECT_EQ(talk.line("CLIENT KILL ID 0"), "-ERR client-id should be greater than 0\r\n");
  EXPECT_EQ(talk.line("CLIENT KILL ID 3 ADDR 127.0.0.1:10003"), ":1\r\n");
  EXPECT_TRUE(third.cut_off());
  EXPECT_EQ(talk.line("CLIENT KILL TYPE normal"), ":0\r\n");  // not me
  EXPECT_EQ(talk.line("CLIENT KILL TYPE odd"), "-ERR Unknown client type 'odd'\r\n");
  EXPECT_EQ(talk.line("CLIENT KILL USER me"), "-ERR No such user 'me'\r\n");
  EXPECT_EQ(talk.line("CLIENT KILL SKIPME perhaps"), "-ERR syntax error\r\n");
  EXPECT_EQ(talk.line("CLIENT KILL ID 1 SKIPME"), "-ERR syntax error\r\n");
  EXPECT_EQ(talk.line("CLIENT KILL TYPE normal SKIPME no"), ":1\r\n");
  EXPECT_TRUE(talk.session.finished());
}

TEST(Client, WhatHasNoMeaningHereAnswersAllTheSame) {
  Talk talk;
  EXPECT_EQ(talk.line("CLIENT NO-EVICT on"), "+OK\r\n");
  EXPECT_EQ(talk.line("CLIENT NO-EVICT x"), "-ERR syntax error\r\n");
  EXPECT_EQ(talk.line("CLIENT UNBLOCK 1 ERROR"), ":0\r\n");
  EXPECT_EQ(talk.line("CLIENT GETREDIR"), ":-1\r\n");
  EXPECT_THAT(talk.line("CLIENT HELP"), HasSubstr("KILL ip:port"));
  EXPECT_THAT(talk.line("CLIENT MAINT_NOTIFICATIONS ON"), StartsWith("-ERR unknown subcommand"));
}

/// Reads a reply far enough to know that it is exactly one.
std::size_t end_of_value(std::string_view in, std::size_t at) {
  std::size_t left = 1;
  while (left > 0) {
    --left;
    const std::size_t end = in.find("\r\n", at);
    if (end == std::string_view::npos) return end;
    const char kind = in[at];
    const auto n = std::strtol(std::string(in.substr(at + 1, end - at - 1)).c_str(), nullptr, 10);
    at = end + 2;
    if ((kind == '$' || kind == '=') && n >= 0) at += static_cast<std::size_t>(n) + 2;
    if ((kind == '*' || kind == '~') && n > 0) left += static_cast<std::size_t>(n);
    if (kind == '%') left += 2 * static_cast<std::size_t>(n);
  }
  return at;
}

TEST(Command, EveryFormIsOneWholeReplyInBothProtocols) {
  Talk talk;
  for (const char* version : {"2", "3"}) {
    talk.ask({"HELLO", version});
    for (const char* line :
         {"COMMAND", "COMMAND COUNT", "COMMAND DOCS", "COMMAND DOCS get nosuch client|list",
          "COMMAND INFO", "COMMAND INFO get nosuch client client|list", "COMMAND LIST",
          "COMMAND LIST FILTERBY PATTERN h*", "COMMAND LIST FILTERBY ACLCAT hash",
          "COMMAND LIST FILTERBY MODULE x", "COMMAND HELP", "COMMAND GETKEYS GET k",
          "COMMAND GETKEYSANDFLAGS SET k v"}) {
      const std::string reply = talk.line(line);
      EXPECT_EQ(end_of_value(reply, 0), reply.size()) << line;
    }
  }
}

TEST(Command, InfoSaysWhatTheRowSays) {
  Talk talk;
  EXPECT_THAT(
      talk.line("COMMAND INFO get"),
      StartsWith("*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"));
  EXPECT_EQ(talk.line("COMMAND INFO nosuch"), "*1\r\n$-1\r\n");
  EXPECT_THAT(talk.line("COMMAND LIST FILTERBY PATTERN hge*"), HasSubstr("$7\r\nhgetall\r\n"));
  EXPECT_EQ(talk.line("COMMAND LIST FILTERBY ODD x"), "-ERR syntax error\r\n");
  const auto groups = command_groups(fake::commands());
  EXPECT_EQ(talk.line("COMMAND COUNT"), ":" + std::to_string(groups.size()) + "\r\n");
  for (const CommandGroup& group : groups) {
    EXPECT_EQ(group.name.find(' '), std::string_view::npos);
    EXPECT_TRUE(group.own != nullptr || !group.subcommands.empty());
  }
}

TEST(Command, GetkeysLooksThroughTheWrappers) {
  Talk talk;
  EXPECT_EQ(talk.line("COMMAND GETKEYS MSET a 1 b 2"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(talk.line("COMMAND GETKEYS ONCE id INCRBY likes:42 1"), "*1\r\n$8\r\nlikes:42\r\n");
  EXPECT_EQ(talk.line("COMMAND GETKEYS AFTER t LOCAL MGET a b"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(talk.line("COMMAND GETKEYS OBJECT ENCODING k"), "*1\r\n$1\r\nk\r\n");
  EXPECT_EQ(talk.line("COMMAND GETKEYS PING"),
            "-ERR wrong number of arguments for 'command|getkeys' command\r\n");
  EXPECT_EQ(talk.line("COMMAND GETKEYS PING x"), "-ERR The command has no key arguments\r\n");
  EXPECT_EQ(talk.line("COMMAND GETKEYS nosuch k"), "-ERR Invalid command specified\r\n");
  EXPECT_EQ(talk.line("COMMAND GETKEYS GET a b"),
            "-ERR Invalid number of arguments specified for command\r\n");
  EXPECT_THAT(talk.line("COMMAND GETKEYS ONCE \"a b\" INCR k"), StartsWith("-ERR a request id"));
  EXPECT_EQ(talk.line("COMMAND GETKEYSANDFLAGS GET k"),
            "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n+RO\r\n+access\r\n");
}

TEST(Command, SyntaxIsTakenApartAtItsTopLevel) {
  const auto arguments = split_syntax("key value [NX | XX] [EX s | PX ms] field [field ...]");
  ASSERT_EQ(arguments.size(), 6U);
  EXPECT_EQ(arguments[0].text, "key");
  EXPECT_EQ(arguments[2].text, "NX | XX");
  EXPECT_TRUE(arguments[2].optional);
  EXPECT_EQ(arguments[5].text, "field");
  EXPECT_TRUE(arguments[5].multiple);
  EXPECT_TRUE(split_syntax("").empty());
  EXPECT_EQ(split_syntax("ON | OFF | SKIP").size(), 1U);
}

TEST(Rows, EveryRowSaysWhatItIs) {
  for (const Row& row : session_rows()) {
    EXPECT_FALSE(row.summary.empty()) << row.name;
    EXPECT_FALSE(row.group.empty()) << row.name;
    const bool own = row.name == "EXEC" || row.name == "WATCH" || row.access == Access::wrapper;
    EXPECT_EQ(row.session == nullptr, own) << row.name;
  }
}

TEST(SigningIn, WithoutItOnlyWhatNeedsNoneIsAnswered) {
  Talk talk;
  talk.backend.wants_sign_in = true;
  Session& session = talk.world.connect();
  fake::feed(session, "PING\r\nGET k\r\nNOSUCH\r\nAUTH wrong\r\nHELLO 3\r\nONCE a GET k\r\n");
  const std::string refused = "-NOAUTH Authentication required.\r\n";
  EXPECT_THAT(fake::hear(session),
              StartsWith(refused + refused +
                         "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"
                         "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
                         "-NOAUTH HELLO must be called"));
  EXPECT_TRUE(talk.backend.seen.empty());
}

}  // namespace
}  // namespace holdfast::server
