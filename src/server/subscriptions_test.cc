// SPDX-License-Identifier: Apache-2.0
#include "server/subscriptions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "base/limits.h"
#include "command/glob.h"

namespace holdfast::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class Listener final : public Subscriber {
 public:
  explicit Listener(Subscriptions& at, std::uint32_t service = 0) : at_(at), service_{service} {}
  ~Listener() override { at_.forget(*this); }

  bool hears(const Audience& audience) override {
    return !audience.only || *audience.only == service_;
  }
  bool hear(std::string_view push) override {
    heard.emplace_back(push);
    return true;
  }

  std::vector<std::string> heard;

 private:
  Subscriptions& at_;
  ServiceId service_;
};

constexpr Audience all;

std::uint64_t tell(Subscriptions& at, std::string_view channel, std::string_view text,
                   const Audience& audience = all) {
  return at.deliver({ChannelKind::usual, channel, text}, audience);
}

TEST(Subscriptions, AMessageReachesItsChannelsAndItsPatterns) {
  Subscriptions at;
  Listener one(at);
  Listener two(at);
  EXPECT_FALSE(at.any());
  EXPECT_EQ(tell(at, "news", "nobody"), 0u);
  ASSERT_TRUE(at.subscribe(one, Topic::channel, "news"));
  ASSERT_TRUE(at.subscribe(one, Topic::channel, "news"));
  ASSERT_TRUE(at.subscribe(two, Topic::pattern, "n*"));
  EXPECT_EQ(at.subscribers(), 2u);
  EXPECT_EQ(tell(at, "news", "hi"), 2u);
  EXPECT_EQ(tell(at, "old", "hi"), 0u);
  EXPECT_THAT(one.heard, ElementsAre(">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n"));
  EXPECT_THAT(two.heard,
              ElementsAre(">4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n"));
}

TEST(Subscriptions, WhoHasAChannelAndAPatternOfItHearsBoth) {
  Subscriptions at;
  Listener one(at);
  ASSERT_TRUE(at.subscribe(one, Topic::channel, "a"));
  ASSERT_TRUE(at.subscribe(one, Topic::pattern, "?"));
  EXPECT_EQ(tell(at, "a", ""), 2u);
  EXPECT_EQ(one.count(Topic::channel), 1u);
  EXPECT_EQ(one.count(Topic::pattern), 1u);
}

TEST(Subscriptions, ShardChannelsHaveNamesOfTheirOwn) {
  Subscriptions at;
  Listener one(at);
  ASSERT_TRUE(at.subscribe(one, Topic::shard_channel, "a"));
  ASSERT_TRUE(at.subscribe(one, Topic::pattern, "*"));
  EXPECT_EQ(at.deliver({ChannelKind::shard, "a", "x"}, all), 1u);
  EXPECT_THAT(one.heard, ElementsAre(">3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\nx\r\n"));
  EXPECT_EQ(tell(at, "a", "x"), 1u) << "the pattern's";
}

TEST(Subscriptions, AMessageForOneServiceReachesNobodyElse) {
  Subscriptions at;
  Listener own(at, 7);
  Listener other(at, 8);
  for (Listener* const one : {&own, &other}) {
    ASSERT_TRUE(at.subscribe(*one, Topic::channel, "c"));
    ASSERT_TRUE(at.subscribe(*one, Topic::pattern, "*"));
  }
  EXPECT_EQ(tell(at, "c", "secret", {ServiceId{7}}), 2u);
  EXPECT_THAT(other.heard, IsEmpty());
}

TEST(Subscriptions, WhatIsForgottenIsGoneEverywhere) {
  Subscriptions at;
  Listener one(at);
  Listener two(at);
  for (const char* const name : {"a", "b", "c"}) {
    ASSERT_TRUE(at.subscribe(one, Topic::channel, name));
    ASSERT_TRUE(at.subscribe(two, Topic::channel, name));
  }
  at.forget(one);
  EXPECT_FALSE(one.is_subscribed());
  EXPECT_EQ(at.count(Topic::channel, "b"), 1u);
  at.unsubscribe(two, Topic::channel, "b");
  at.unsubscribe(two, Topic::channel, "b");
  EXPECT_THAT(at.names_of(two, Topic::channel), UnorderedElementsAre("a", "c"));
  EXPECT_EQ(at.size(Topic::channel), 2u);
  at.forget(two);
  EXPECT_EQ(at.size(Topic::channel), 0u);
  EXPECT_FALSE(at.any());
}

TEST(Subscriptions, OneConnectionHasNoMoreThanMay) {
  Subscriptions at;
  Listener one(at);
  for (std::size_t i = 0; i < limits::subscriptions_max; ++i)
    ASSERT_TRUE(at.subscribe(one, Topic::channel, std::to_string(i)));
  EXPECT_FALSE(at.subscribe(one, Topic::pattern, "*"));
  EXPECT_TRUE(at.subscribe(one, Topic::channel, "7")) << "it has that already";
  Listener two(at);
  const std::string half(limits::subscription_bytes_max / 2, 'x');
  ASSERT_TRUE(at.subscribe(two, Topic::channel, half));
  ASSERT_TRUE(at.subscribe(two, Topic::pattern, half));
  EXPECT_FALSE(at.subscribe(two, Topic::channel, "y"));
  at.unsubscribe(two, Topic::pattern, half);
  EXPECT_TRUE(at.subscribe(two, Topic::channel, "y"));
}

// Against sets of names: whoever comes and goes, each message reaches whom it should.
TEST(Subscriptions, AreWhatSetsOfNamesWouldBe) {
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::vector<std::string> names{"a", "ab", "b", "a*", "*b", "?", "*"};
  for (int round = 0; round < 200; ++round) {
    Subscriptions at;
    std::vector<std::unique_ptr<Listener>> listeners(5);
    for (auto& listener : listeners) listener = std::make_unique<Listener>(at);
    std::map<Listener*, std::array<std::set<std::string>, topics>> model;
    for (int step = 0; step < 60; ++step) {
      Listener& one = *listeners[below(listeners.size())];
      const auto topic = static_cast<Topic>(below(topics));
      const std::string& name = names[below(names.size())];
      auto& has = model[&one][static_cast<std::size_t>(topic)];
      switch (below(4)) {
        case 0:
        case 1:
          ASSERT_TRUE(at.subscribe(one, topic, name));
          has.insert(name);
          break;
        case 2:
          at.unsubscribe(one, topic, name);
          has.erase(name);
          break;
        default:
          if (below(8) == 0) {
            at.forget(one);
            model[&one] = {};
          }
      }
      const std::string& channel = names[below(3)];
      std::uint64_t expected = 0;
      std::map<Listener*, std::size_t> before;
      for (const auto& listener : listeners) {
        auto& [channels, patterns, shards] = model[listener.get()];
        const auto matched = std::count_if(patterns.begin(), patterns.end(), [&](const auto& p) {
          return command::glob_match(p, channel);
        });
        before[listener.get()] =
            listener->heard.size() + channels.count(channel) + static_cast<std::size_t>(matched);
        expected += channels.count(channel) + static_cast<std::size_t>(matched);
      }
      ASSERT_EQ(tell(at, channel, "x"), expected);
      for (const auto& [listener, heard] : before) ASSERT_EQ(listener->heard.size(), heard);
    }
  }
}

}  // namespace
}  // namespace holdfast::server
