// SPDX-License-Identifier: Apache-2.0
#include "server/http_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/browser.h"

namespace holdfast::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view ask = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Listener {
  Listener() {
    browser.context.events.set_state([this](ServiceId caller) {
      return "{\"caller\":" + std::to_string(caller.value) + ",\"n\":" + std::to_string(++made) +
             "}";
    });
  }
  /// What is heard a second later.
  std::string second() {
    browser.context.events.tick();
    browser.talk->tick();
    return browser.hear();
  }

  int made = 0;
  fake::Browser browser;
};

TEST(HttpEvents, TellsAtOnceAndThenEachSecond) {
  Listener listener;
  const std::string first = listener.browser.say(ask);
  EXPECT_THAT(first, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(first, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(first, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(first, HasSubstr("retry: 1000\n\n"));
  EXPECT_THAT(first, HasSubstr("event: state\ndata: {\"caller\":0,\"n\":1}\n\n"));
  EXPECT_THAT(listener.second(), HasSubstr("\"n\":2"));
  EXPECT_THAT(listener.second(), HasSubstr("\"n\":3"));
}

// Bytes of another length would end the chunk elsewhere: the client would read nonsense.
TEST(HttpEvents, EachEventIsAChunk) {
  Listener listener;
  listener.browser.say(ask);
  EXPECT_EQ(listener.second(), "27\r\nevent: state\ndata: {\"caller\":0,\"n\":2}\n\n\r\n");
}

TEST(HttpEvents, ToHttp10TheBytesAreAsTheyAre) {
  Listener listener;
  const std::string first = listener.browser.say("GET /v1/events HTTP/1.0\r\n\r\n");
  EXPECT_THAT(first, Not(HasSubstr("chunked")));
  EXPECT_EQ(listener.second(), "event: state\ndata: {\"caller\":0,\"n\":2}\n\n");
}

// It would else grow without bound: a newer picture replaces the one that was not taken.
TEST(HttpEvents, WhoDoesNotTakeAnEventMissesTheNextAndIsCutOffInTheEnd) {
  Listener listener;
  listener.browser.say(ask);
  fake::Browser& browser = listener.browser;
  browser.context.events.tick();
  browser.talk->tick();
  const std::size_t unsent = browser.talk->unsent_bytes();
  EXPECT_GT(unsent, 0U);
  for (int second = 0; second < limits::http_answer_seconds_max - 1; ++second) {
    browser.context.events.tick();
    ASSERT_TRUE(browser.tick()) << second;
    ASSERT_EQ(browser.talk->unsent_bytes(), unsent) << second;
  }
  browser.tick();
  browser.tick();
  EXPECT_TRUE(browser.talk->cut_off());
  EXPECT_EQ(browser.talk->why_cut(), "an HTTP answer was not taken");
}

TEST(HttpEvents, OneThatIsTakenIsNeverIdle) {
  Listener listener;
  listener.browser.say(ask);
  for (int second = 0; second < 10 * limits::http_idle_seconds_max; ++second)
    ASSERT_THAT(listener.second(), Not(IsEmpty())) << second;
}

TEST(HttpEvents, WhatIsAskedBehindAStreamIsNotAnswered) {
  Listener listener;
  const std::string heard =
      listener.browser.say(std::string(ask) + "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(heard, HasSubstr("event: state"));
  EXPECT_FALSE(listener.browser.talk->wants_input());
  EXPECT_THAT(listener.browser.asked, IsEmpty());
}

TEST(HttpEvents, ComesBehindWhatWasAskedBefore) {
  Listener listener;
  const std::string heard =
      listener.browser.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string(ask));
  EXPECT_LT(heard.find("ok\n"), heard.find("event: state"));
}

TEST(HttpEvents, AStopEndsIt) {
  Listener listener;
  listener.browser.say(ask);
  EXPECT_FALSE(listener.browser.talk->finished());
  listener.browser.talk->stop();
  EXPECT_THAT(listener.browser.hear(), EndsWith("0\r\n\r\n"));
  EXPECT_TRUE(listener.browser.talk->finished());
}

// A browser on a machine that sleeps would hold up the stop for seconds.
TEST(HttpEvents, AStopDoesNotWaitForWhoIsBehind) {
  Listener listener;
  listener.browser.say(ask);
  listener.browser.talk->sent(1, 1'000);
  listener.browser.talk->stop();
  EXPECT_TRUE(listener.browser.talk->cut_off());
}

TEST(HttpEvents, ThereAreOnlySoMany) {
  Listener listener;
  std::vector<HttpEvents::Seat> seats;
  while (!listener.browser.context.events.is_full())
    seats.emplace_back(listener.browser.context.events);
  EXPECT_EQ(seats.size(), limits::http_streams_max);
  const auto heard = listener.browser.get("/v1/events");
  EXPECT_EQ(heard.status, 503);
  EXPECT_THAT(heard.head, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(heard.body, HasSubstr("BUSY"));
  seats.pop_back();
  EXPECT_THAT(listener.browser.say(ask), HasSubstr("event: state"));
  EXPECT_TRUE(listener.browser.context.events.is_full());
  listener.browser.talk.reset();
  EXPECT_FALSE(listener.browser.context.events.is_full());
}

// What it comes to is asked of the whole node: once a second is enough for all who may see the
// same.
TEST(HttpEvents, IsMadeOnceASecondForEachCaller) {
  HttpEvents events;
  int made = 0;
  events.set_state([&](ServiceId) { return std::to_string(++made); });
  EXPECT_EQ(events.event_for({1}), "event: state\ndata: 1\n\n");
  EXPECT_EQ(events.event_for({2}), "event: state\ndata: 2\n\n");
  EXPECT_EQ(events.event_for({1}), "event: state\ndata: 1\n\n");
  events.tick();
  EXPECT_EQ(events.event_for({1}), "event: state\ndata: 3\n\n");
}

TEST(HttpEvents, NeedsAServiceWhereThereAreAny) {
  Listener listener;
  listener.browser.backend.set_services({"shop"});
  EXPECT_EQ(listener.browser.get("/v1/events").status, 401);
  EXPECT_EQ(listener.browser.get("/v1/events", "Authorization: Bearer nonsense\r\n").status, 401);
  const std::string heard = listener.browser.say(
      "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n"
      "Authorization: Bearer token-of-shop\r\n\r\n");
  EXPECT_THAT(heard, HasSubstr("\"caller\":1"));
  listener.browser.backend.set_services({});  // it is dropped
  EXPECT_EQ(listener.second(), "0\r\n\r\n");
  EXPECT_TRUE(listener.browser.talk->finished());
}

TEST(HttpEvents, OtherSitesPagesDoNotListen) {
  Listener listener;
  EXPECT_EQ(listener.browser.get("/v1/events", "Origin: http://evil.example\r\n").status, 403);
  EXPECT_EQ(listener.made, 0);
}

}  // namespace
}  // namespace holdfast::server
