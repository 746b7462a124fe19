// SPDX-License-Identifier: Apache-2.0
// Connections whose clients keep a cache. The texts are those of redis-server 7.0.15.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/talk.h"

namespace holdfast::server {
namespace {

using fake::encoded;
using fake::feed;
using fake::hear;
using fake::Talk;
using ::testing::HasSubstr;

std::string invalidate(std::initializer_list<std::string> keys) {
  std::string push = ">2\r\n$10\r\ninvalidate\r\n*" + std::to_string(keys.size()) + "\r\n";
  for (const std::string& key : keys)
    push += "$" + std::to_string(key.size()) + "\r\n" + key + "\r\n";
  return push;
}

/// A session with RESP3 and tracking on, and changes of keys.
struct Cached : Talk {
  explicit Cached(const std::string& options = "") {
    line("HELLO 3");
    EXPECT_EQ(line("CLIENT TRACKING ON" + options), "+OK\r\n");
  }
  std::string change(std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) backend.tracking().changed(key);
    backend.tracking().tell();
    return hear(session);
  }
};

TEST(ClientTracking, TellsOfKeysThatWereReadAndOfNoOthers) {
  Cached talk;
  talk.line("GET a");
  talk.line("MGET b c");
  talk.line("SET d 1");
  EXPECT_EQ(talk.change({"a", "c", "d"}), invalidate({"a", "c"}));
  EXPECT_EQ(talk.change({"a", "b"}), invalidate({"b"}));
  EXPECT_EQ(talk.world.touched.size(), 2u) << "each is sent at the end of the turn";
}

TEST(ClientTracking, OfATransactionItsReadsAreFollowed) {
  Cached talk;
  for (const char* const line : {"MULTI", "GET a", "SET b 1", "EXEC"}) talk.line(line);
  EXPECT_EQ(talk.change({"a", "b"}), invalidate({"a"}));
}

// What the client takes from a reply that was read before the change, but comes after the
// invalidation, would be kept for ever.
TEST(ClientTracking, BehindAReplyThatMayBeOldTheInvalidationComesOnceMore) {
  Cached talk;
  talk.backend.answers_at_once = false;
  feed(talk.session, encoded({"GET", "a"}) + encoded({"GET", "b"}) + encoded({"GET", "c"}));
  EXPECT_EQ(talk.change({"b"}), invalidate({"b"})) << "at once";
  talk.backend.complete(talk.world, 1);
  EXPECT_EQ(hear(talk.session), "") << "the first is still owed";
  talk.backend.complete(talk.world, 0);
  EXPECT_EQ(hear(talk.session), "$5\r\nGET a\r\n$5\r\nGET b\r\n" + invalidate({"b"}));
  talk.backend.complete(talk.world, 0);
  EXPECT_EQ(hear(talk.session), "$5\r\nGET c\r\n");
  EXPECT_EQ(talk.change({"c"}), invalidate({"c"}));
}

TEST(ClientTracking, BroadcastsPrefixes) {
  Cached talk(" BCAST PREFIX user: PREFIX object:");
  talk.line("GET other");
  EXPECT_EQ(talk.change({"user:1", "other", "object:2"}), invalidate({"user:1", "object:2"}));
  EXPECT_EQ(talk.line("CLIENT TRACKING ON BCAST PREFIX user:1"),
            "-ERR Prefix 'user:1' overlaps with an existing prefix 'user:'. Prefixes for a single "
            "client must not overlap.\r\n");
  EXPECT_EQ(talk.line("CLIENT TRACKING ON"),
            "-ERR You can't switch BCAST mode on/off before disabling tracking for this client, "
            "and then re-enabling it with a different mode.\r\n");
}

TEST(ClientTracking, OptInFollowsTheNextCommandOnly) {
  Cached talk(" OPTIN");
  talk.line("GET a");
  EXPECT_EQ(talk.line("CLIENT CACHING YES"), "+OK\r\n");
  EXPECT_THAT(talk.line("CLIENT TRACKINGINFO"), HasSubstr("optin"));
  EXPECT_EQ(talk.line("CLIENT CACHING YES"), "+OK\r\n");
  talk.line("GET b");
  talk.line("GET c");
  EXPECT_EQ(talk.change({"a", "b", "c"}), invalidate({"b"}));
  talk.line("CLIENT CACHING YES");
  for (const char* const line : {"MULTI", "GET a", "GET b", "EXEC"}) talk.line(line);
  EXPECT_EQ(talk.change({"a", "b", "c"}), invalidate({"a", "b"}));
  EXPECT_EQ(talk.line("CLIENT CACHING NO"),
            "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.\r\n");
}

TEST(ClientTracking, OptOutFollowsAllButTheNextCommand) {
  Cached talk(" OPTOUT");
  talk.line("CLIENT CACHING NO");
  talk.line("GET a");
  talk.line("GET b");
  EXPECT_EQ(talk.change({"a", "b"}), invalidate({"b"}));
}

TEST(ClientTracking, NoLoopLeavesOutWhatTheConnectionChangesItself) {
  Cached talk(" NOLOOP");
  talk.line("MGET a b");
  talk.backend.tracking().set_writer(talk.session.ticket_connection());
  talk.backend.tracking().changed("a");
  talk.backend.tracking().set_writer(0);
  EXPECT_EQ(talk.change({"b"}), invalidate({"b"}));
}

TEST(ClientTracking, WhereAllKeysAreGoneAllIsForgotten) {
  Cached talk;
  talk.line("GET a");
  talk.backend.tracking().cleared();
  EXPECT_EQ(talk.change({}), ">2\r\n$10\r\ninvalidate\r\n_\r\n");
}

TEST(ClientTracking, RedirectsToAConnectionThatSubscribed) {
  Talk talk;
  Session& told = talk.world.connect();
  const std::string id = std::to_string(told.peer().id);
  EXPECT_EQ(talk.line("CLIENT TRACKING ON REDIRECT 99"),
            "-ERR The client ID you want redirect to does not exist\r\n");
  EXPECT_EQ(talk.line("CLIENT GETREDIR"), ":-1\r\n");
  EXPECT_EQ(talk.line("CLIENT TRACKING ON REDIRECT " + id), "+OK\r\n");
  EXPECT_EQ(talk.line("CLIENT GETREDIR"), ":" + id + "\r\n");
  const auto change = [&](std::string_view key) {
    talk.line("GET " + std::string(key));
    talk.backend.tracking().changed(key);
    talk.backend.tracking().tell();
    return hear(told);
  };
  EXPECT_EQ(change("a"), "") << "it has not subscribed";
  feed(told, "SUBSCRIBE __redis__:invalidate\r\n");
  hear(told);
  EXPECT_EQ(change("b"), "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nb\r\n");
  talk.backend.tracking().cleared();
  talk.backend.tracking().tell();
  EXPECT_EQ(hear(told), "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*-1\r\n");
}

TEST(ClientTracking, TellsWhenWhoWasToBeToldHasGone) {
  Talk talk;
  talk.line("HELLO 3");
  Session& told = talk.world.connect();
  const std::string id = std::to_string(told.peer().id);
  talk.line("CLIENT TRACKING ON REDIRECT " + id);
  told.cut("gone");
  talk.line("GET a");
  talk.backend.tracking().changed("a");
  talk.backend.tracking().tell();
  EXPECT_EQ(hear(talk.session), ">2\r\n$21\r\ntracking-redir-broken\r\n:" + id + "\r\n");
  EXPECT_THAT(talk.line("CLIENT TRACKINGINFO"), HasSubstr("broken_redirect"));
  EXPECT_THAT(talk.line("CLIENT INFO"), HasSubstr("flags=tR"));
}

TEST(ClientTracking, BeginsWhenTheNodeMayKeepCaches) {
  Talk talk;
  talk.line("HELLO 3");
  talk.backend.may_keep = false;
  EXPECT_EQ(talk.say("CLIENT TRACKING ON\r\nPING\r\n"), "");
  EXPECT_TRUE(talk.session.waits_for_node());
  talk.session.resume();
  EXPECT_TRUE(talk.session.waits_for_node());
  EXPECT_FALSE(talk.backend.tracking().any());
  talk.session.push(">1\r\n+meanwhile\r\n");
  talk.backend.may_keep = true;
  talk.session.resume();
  EXPECT_EQ(hear(talk.session), ">1\r\n+meanwhile\r\n+OK\r\n+PONG\r\n");
  EXPECT_TRUE(talk.backend.tracking().any());
  talk.line("CLIENT TRACKING OFF");
  talk.backend.may_keep = fail(Code::unavailable, "not now");
  EXPECT_EQ(talk.line("CLIENT TRACKING ON"), "-UNAVAILABLE not now\r\n");
  EXPECT_FALSE(talk.backend.tracking().any());
}

TEST(ClientTracking, CutAllEndsWhoKeepsAndWhoIsToldForIt) {
  Talk talk;
  Session& told = talk.world.connect();
  Session& other = talk.world.connect();
  talk.line("CLIENT TRACKING ON REDIRECT " + std::to_string(told.peer().id));
  talk.backend.tracking().cut_all("old");
  EXPECT_TRUE(talk.session.cut_off());
  EXPECT_TRUE(told.cut_off());
  EXPECT_FALSE(other.cut_off());
}

TEST(ClientTracking, WhatIsNoModeIsRefused) {
  Talk talk;
  EXPECT_EQ(talk.line("CLIENT TRACKING ON PREFIX a"),
            "-ERR PREFIX option requires BCAST mode to be enabled\r\n");
  EXPECT_EQ(talk.line("CLIENT TRACKING ON BCAST OPTIN"),
            "-ERR OPTIN and OPTOUT are not compatible with BCAST\r\n");
  EXPECT_EQ(talk.line("CLIENT TRACKING ON OPTIN OPTOUT"),
            "-ERR You can't specify both OPTIN mode and OPTOUT mode\r\n");
  EXPECT_EQ(talk.line("CLIENT TRACKING MAYBE"), "-ERR syntax error\r\n");
  EXPECT_EQ(talk.line("CLIENT TRACKING ON NO"), "-ERR syntax error\r\n");
  EXPECT_EQ(talk.line("CLIENT CACHING YES"),
            "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN "
            "or OPTOUT mode enabled\r\n");
  EXPECT_FALSE(talk.backend.tracking().any());
}

TEST(ClientTracking, EndsWithOffResetAndTheConnection) {
  Talk talk;
  for (const char* const end : {"CLIENT TRACKING OFF", "RESET"}) {
    talk.line("HELLO 3");
    talk.line("CLIENT TRACKING ON");
    EXPECT_TRUE(talk.backend.tracking().any());
    talk.line(end);
    EXPECT_FALSE(talk.backend.tracking().any());
  }
  EXPECT_EQ(talk.line("CLIENT TRACKINGINFO"),
            "*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n"
            "*0\r\n");
}

}  // namespace
}  // namespace holdfast::server
