// SPDX-License-Identifier: Apache-2.0
#include "node/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/limits.h"

namespace holdfast::node {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Listener final : public server::Subscriber {
 public:
  bool hears(const server::Audience& audience) override { return !audience.only; }
  bool hear(std::string_view push) override {
    // The last text of a push.
    push.remove_suffix(2);
    heard.emplace_back(push.substr(push.rfind('\n') + 1));
    return true;
  }
  std::vector<std::string> heard;
};

struct World {
  World() {
    EXPECT_TRUE(messages.subscriptions().subscribe(listener, server::Topic::pattern, "*"));
  }
  ~World() { messages.subscriptions().forget(listener); }
  void tell(std::string_view text) { messages.tell({ChannelKind::usual, "c", text}); }
  std::vector<std::string> take() { return std::exchange(listener.heard, {}); }

  std::vector<std::string> sent;
  Messages messages{{.audience = [](std::string_view) { return server::Audience{}; },
                     .send = [this](const Message& m) { sent.emplace_back(m.text); }}};
  Listener listener;
};

TEST(Messages, WhatIsPublishedIsToldHereAndSent) {
  World world;
  EXPECT_EQ(world.messages.publish({ChannelKind::usual, "c", "one"}), 1u);
  world.messages.heard({ChannelKind::usual, "c", "another's"});
  EXPECT_THAT(world.take(), ElementsAre("one", "another's"));
  EXPECT_THAT(world.sent, ElementsAre("one"));
}

TEST(Messages, WhatAnOperationTellsWaitsForItsPlaceInTheLog) {
  World world;
  world.tell("a");
  world.tell("b");
  world.messages.settle({7});
  world.tell("c");  // nothing of it is to be on disk, but it comes behind
  world.messages.settle({});
  world.messages.release({6}, false);
  EXPECT_THAT(world.take(), IsEmpty());
  world.messages.release({7}, false);
  EXPECT_THAT(world.take(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(world.sent, ElementsAre("a", "b", "c"));
  EXPECT_EQ(world.messages.held_bytes(), 0u);
}

TEST(Messages, WhatTheDiskNeverGetsIsNotTold) {
  World world;
  world.tell("a");
  world.messages.settle({7});
  world.tell("b");
  world.messages.settle({5});
  world.messages.release({5}, true);
  EXPECT_THAT(world.take(), ElementsAre("b"));
  EXPECT_EQ(world.messages.counters().dropped, 1u);
}

TEST(Messages, EventsStayOnTheirNodeAndAreForWhoMayUseTheKey) {
  World world;
  world.messages.tell_event({ChannelKind::usual, "e", "seen"}, {});
  world.messages.tell_event({ChannelKind::usual, "e", "hidden"}, {ServiceId{3}});
  world.messages.release({}, false);
  EXPECT_THAT(world.take(), ElementsAre("seen"));
  EXPECT_THAT(world.sent, IsEmpty());
}

TEST(Messages, NoMoreIsHeldThanMayBe) {
  World world;
  const std::string text(1_MiB, 'x');
  for (std::size_t i = 0; i <= limits::messages_held_bytes_max / text.size(); ++i) world.tell(text);
  world.messages.settle({1});
  EXPECT_LE(world.messages.held_bytes(), limits::messages_held_bytes_max);
  EXPECT_GT(world.messages.counters().dropped, 0u);
}

}  // namespace
}  // namespace holdfast::node
