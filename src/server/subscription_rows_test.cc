// SPDX-License-Identifier: Apache-2.0
// Subscribing connections: what they are told, and what they may ask. The texts are those of
// redis-server 7.0.15.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "server/talk.h"

namespace holdfast::server {
namespace {

using fake::encoded;
using fake::feed;
using fake::hear;
using fake::Talk;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view message_a = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n";

TEST(Subscribe, EachNameIsConfirmedWithHowManyThereAreByThen) {
  Talk talk;
  EXPECT_EQ(talk.line("SUBSCRIBE a b a"),
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n");
  EXPECT_EQ(talk.line("PSUBSCRIBE a*"), "*3\r\n$10\r\npsubscribe\r\n$2\r\na*\r\n:3\r\n");
  EXPECT_EQ(talk.line("SSUBSCRIBE x"), "*3\r\n$10\r\nssubscribe\r\n$1\r\nx\r\n:1\r\n");
  EXPECT_EQ(talk.line("UNSUBSCRIBE b"), "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:2\r\n");
  EXPECT_EQ(talk.line("UNSUBSCRIBE"), "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n");
  EXPECT_EQ(talk.line("UNSUBSCRIBE"), "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:1\r\n");
  EXPECT_EQ(talk.line("PUNSUBSCRIBE no"), "*3\r\n$12\r\npunsubscribe\r\n$2\r\nno\r\n:1\r\n");
  EXPECT_EQ(talk.line("PUNSUBSCRIBE"), "*3\r\n$12\r\npunsubscribe\r\n$2\r\na*\r\n:0\r\n");
  EXPECT_EQ(talk.line("SUNSUBSCRIBE"), "*3\r\n$12\r\nsunsubscribe\r\n$1\r\nx\r\n:0\r\n");
  EXPECT_EQ(talk.line("PING"), "+PONG\r\n");
}

TEST(Subscribe, WithResp2LittleElseMayBeAsked) {
  Talk talk;
  talk.line("SUBSCRIBE a");
  const auto refused = [](const std::string& name) {
    return "-ERR Can't execute '" + name +
           "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
           "context\r\n";
  };
  EXPECT_EQ(talk.line("GET k"), refused("get"));
  EXPECT_EQ(talk.line("CLIENT LIST"), refused("client|list"));
  EXPECT_EQ(talk.line("HELLO 3"), refused("hello"));
  EXPECT_EQ(talk.line("MULTI"), refused("multi"));
  EXPECT_EQ(talk.line("PUBSUB NUMPAT"), refused("pubsub|numpat"));
  EXPECT_EQ(talk.line("GET"), "-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_EQ(talk.line("PING"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  EXPECT_EQ(talk.line("PING hi"), "*2\r\n$4\r\npong\r\n$2\r\nhi\r\n");
  EXPECT_EQ(talk.line("RESET"), "+RESET\r\n");
  EXPECT_FALSE(talk.backend.subscriptions().any());
  EXPECT_EQ(talk.line("PING"), "+PONG\r\n");
}

TEST(Subscribe, WithResp3MessagesArePushesAndAnythingMayBeAsked) {
  Talk talk;
  talk.ask({"HELLO", "3"});
  EXPECT_EQ(talk.line("SUBSCRIBE a"), ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
  EXPECT_EQ(talk.backend.publish({ChannelKind::usual, "a", "hi"}), 1u);
  EXPECT_EQ(hear(talk.session), ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n");
  EXPECT_EQ(talk.line("PING"), "+PONG\r\n");
  EXPECT_EQ(talk.line("GET k"), "$5\r\nGET k\r\n");
  EXPECT_EQ(talk.line("UNSUBSCRIBE z"), ">3\r\n$11\r\nunsubscribe\r\n$1\r\nz\r\n:1\r\n");
  EXPECT_EQ(talk.line("PUNSUBSCRIBE"), ">3\r\n$12\r\npunsubscribe\r\n_\r\n:1\r\n");
}

TEST(Subscribe, AMessageIsSentAtOnceAndWhoHoldsTheSocketIsTold) {
  Talk talk;
  talk.line("SUBSCRIBE a");
  talk.backend.publish({ChannelKind::usual, "a", "hi"});
  ASSERT_EQ(talk.world.touched.size(), 1u);
  EXPECT_EQ(talk.world.touched[0], &talk.session);
  EXPECT_EQ(hear(talk.session), message_a);
}

// The reply of what is under way is of a later moment than the message.
TEST(Subscribe, MessagesStandBetweenRepliesInTheOrderOfWhatHappened) {
  Talk talk;
  talk.ask({"HELLO", "3"});
  talk.line("SUBSCRIBE a");
  talk.backend.answers_at_once = false;
  talk.backend.reply = "+one\r\n";
  EXPECT_EQ(talk.say(encoded({"SET", "k", "1"}) + encoded({"SET", "k", "2"})), "");
  talk.backend.publish({ChannelKind::usual, "a", "1"});
  talk.backend.complete(talk.world, 0);
  talk.backend.publish({ChannelKind::usual, "a", "2"});
  talk.backend.complete(talk.world, 0);
  talk.backend.publish({ChannelKind::usual, "a", "3"});
  const auto message = [](char number) {
    return std::string(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n") + number + "\r\n";
  };
  EXPECT_EQ(hear(talk.session),
            message('1') + "+one\r\n" + message('2') + "+one\r\n" + message('3'));
}

TEST(Subscribe, ASubscriptionWaitsForWhatWasAskedBefore) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.backend.reply = "+OK\r\n";
  EXPECT_EQ(talk.say(encoded({"SET", "k", "1"}) + encoded({"SUBSCRIBE", "a"})), "");
  EXPECT_FALSE(talk.backend.subscriptions().any());
  EXPECT_EQ(talk.complete_all(), "+OK\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
}

TEST(Subscribe, NoReplySilencesMessages) {
  Talk talk;
  talk.ask({"HELLO", "3"});
  talk.line("CLIENT REPLY OFF");
  EXPECT_EQ(talk.line("SUBSCRIBE a"), ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
  talk.backend.publish({ChannelKind::usual, "a", "hi"});
  EXPECT_THAT(hear(talk.session), StartsWith(">3\r\n$7\r\nmessage"));
}

TEST(Subscribe, IsNoPartOfATransaction) {
  Talk talk;
  talk.line("MULTI");
  EXPECT_EQ(talk.line("SUBSCRIBE a"), "-ERR SUBSCRIBE cannot be part of a transaction\r\n");
  EXPECT_THAT(talk.line("EXEC"), StartsWith("-EXECABORT"));
  EXPECT_FALSE(talk.backend.subscriptions().any());
}

TEST(Subscribe, OnlyWhoMayUseAChannelMayHearIt) {
  Talk talk;
  talk.backend.set_services({"shop", "bank"});
  Session& bank = talk.world.connect();
  const auto ask = [](Session& session, const std::vector<std::string>& args) {
    feed(session, encoded(args));
    return hear(session);
  };
  ask(talk.session, {"AUTH", "token-of-shop"});
  ask(bank, {"AUTH", "token-of-bank"});
  ask(talk.session, {"SUBSCRIBE", "shop:orders", "plain"});
  EXPECT_THAT(ask(bank, {"SUBSCRIBE", "plain", "shop:orders"}), StartsWith("-NOPERM"));
  EXPECT_FALSE(bank.is_subscribed()) << "all or nothing";
  ask(bank, {"PSUBSCRIBE", "*"});
  EXPECT_EQ(talk.backend.publish({ChannelKind::usual, "shop:orders", "x"}), 1u);
  EXPECT_EQ(hear(bank), "");
  EXPECT_EQ(talk.backend.publish({ChannelKind::usual, "plain", "x"}), 2u);
  EXPECT_THAT(hear(bank), StartsWith("*4\r\n$8\r\npmessage"));
  hear(talk.session);
  // Whose service is dropped hears nothing more.
  talk.backend.set_services({});
  EXPECT_EQ(talk.backend.publish({ChannelKind::usual, "plain", "x"}), 0u);
}

TEST(Subscribe, WhoIsGoneHearsNothing) {
  Talk talk;
  talk.line("SUBSCRIBE a");
  talk.session.cut("gone");
  EXPECT_EQ(talk.backend.publish({ChannelKind::usual, "a", "hi"}), 0u);
  EXPECT_EQ(hear(talk.session), "");
}

TEST(Subscribe, ASlowSubscriberIsCutOff) {
  Talk talk;
  talk.line("SUBSCRIBE a");
  const std::string text(1_MiB, 'x');
  std::size_t taken = 0;
  while (talk.backend.publish({ChannelKind::usual, "a", text}) == 1) {
    ++taken;
    ASSERT_LE(talk.session.unsent_bytes(), limits::subscriber_unsent_max);
  }
  EXPECT_GT(taken, 30u);
  EXPECT_TRUE(talk.session.cut_off());
  EXPECT_TRUE(talk.session.is_slow_reader());
  EXPECT_THAT(talk.session.why_cut(), HasSubstr("too slowly"));
}

TEST(Subscribe, WhoOnlyListensIsNotIdle) {
  Talk talk;
  talk.world.context.idle_seconds_max = 3;
  talk.line("SUBSCRIBE a");
  for (int i = 0; i < 10; ++i) talk.session.tick();
  EXPECT_FALSE(talk.session.cut_off());
  talk.line("UNSUBSCRIBE");
  for (int i = 0; i < 10; ++i) talk.session.tick();
  EXPECT_TRUE(talk.session.cut_off());
}

TEST(Subscribe, ClientListTellsOfThem) {
  Talk talk;
  Session& other = talk.world.connect();
  feed(other, encoded({"SUBSCRIBE", "a", "b"}) + encoded({"PSUBSCRIBE", "c*"}) +
                  encoded({"SSUBSCRIBE", "d"}));
  hear(other);
  EXPECT_THAT(talk.line("CLIENT LIST TYPE pubsub"),
              HasSubstr(" flags=P db=0 sub=2 psub=1 ssub=1 "));
  EXPECT_THAT(talk.line("CLIENT LIST TYPE normal"), Not(HasSubstr("flags=P")));
  EXPECT_EQ(talk.line("CLIENT KILL TYPE pubsub"), ":1\r\n");
  EXPECT_TRUE(other.cut_off());
}

TEST(Pubsub, TellsWhatIsSubscribedTo) {
  Talk talk;
  Session& other = talk.world.connect();
  feed(other,
       encoded({"SUBSCRIBE", "a"}) + encoded({"PSUBSCRIBE", "c*"}) + encoded({"SSUBSCRIBE", "d"}));
  EXPECT_EQ(talk.line("PUBSUB CHANNELS"), "*1\r\n$1\r\na\r\n");
  EXPECT_EQ(talk.line("PUBSUB CHANNELS b*"), "*0\r\n");
  EXPECT_EQ(talk.line("PUBSUB CHANNELS a b"),
            "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB "
            "HELP.\r\n");
  EXPECT_EQ(talk.line("PUBSUB NUMSUB"), "*0\r\n");
  EXPECT_EQ(talk.line("PUBSUB NUMSUB a b"), "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:0\r\n");
  EXPECT_EQ(talk.line("PUBSUB NUMPAT"), ":1\r\n");
  EXPECT_EQ(talk.line("PUBSUB SHARDCHANNELS"), "*1\r\n$1\r\nd\r\n");
  EXPECT_EQ(talk.line("PUBSUB SHARDNUMSUB a d"), "*4\r\n$1\r\na\r\n:0\r\n$1\r\nd\r\n:1\r\n");
  EXPECT_EQ(talk.line("PUBSUB FOO"), "-ERR unknown subcommand 'FOO'. Try PUBSUB HELP.\r\n");
  EXPECT_THAT(talk.line("PUBSUB HELP"), StartsWith("*13\r\n+PUBSUB <subcommand>"));
}

TEST(Pubsub, ShowsNobodyAnothersChannels) {
  Talk talk;
  talk.backend.set_services({"shop", "bank"});
  Session& bank = talk.world.connect();
  talk.ask({"AUTH", "token-of-shop"});
  talk.line("SUBSCRIBE shop:orders plain");
  feed(bank, encoded({"AUTH", "token-of-bank"}) + encoded({"PUBSUB", "CHANNELS"}) +
                 encoded({"PUBSUB", "NUMSUB", "shop:orders"}));
  EXPECT_EQ(hear(bank), "+OK\r\n*1\r\n$5\r\nplain\r\n*2\r\n$11\r\nshop:orders\r\n:0\r\n");
}

}  // namespace
}  // namespace holdfast::server
