// SPDX-License-Identifier: Apache-2.0
// Protects: a connection whose command waits for something to take is heard, and bounded, and
// nothing behind that command runs before it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "server/talk.h"

namespace holdfast::server {
namespace {

using fake::encoded;
using fake::Talk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string blpop = encoded({"BLPOP", "queue", "0"});
const std::string blpop_reply = "$13\r\nBLPOP queue 0\r\n";

TEST(SessionThatWaits, RunsWhatIsBehindItAfterwards) {
  for (const std::size_t piece : {1, 7, 1'000}) {
    Talk talk;
    talk.backend.answers_at_once = false;
    talk.say(encoded({"SET", "a", "1"}) + blpop);
    ASSERT_EQ(talk.backend.under_way.size(), 2u) << "what is before it may be under way";
    std::string behind;
    for (int i = 0; i < 20; ++i) behind += encoded({"SET", "b", std::string(300, 'x')});
    fake::feed(talk.session, behind + encoded({"PING"}), piece);
    EXPECT_EQ(talk.backend.under_way.size(), 2u);
    std::string replies = "$7\r\nSET a 1\r\n" + blpop_reply;
    for (int i = 0; i < 20; ++i) replies += "$306\r\nSET b " + std::string(300, 'x') + "\r\n";
    EXPECT_EQ(talk.complete_all(), replies + "+PONG\r\n");
  }
}

TEST(SessionThatWaits, ReadsOnlySoMuchAhead) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(blpop);
  EXPECT_TRUE(talk.session.wants_input()) << "its end is to be noticed";
  const std::string much = encoded({"SET", "b", std::string(1'000, 'x')});
  for (int i = 0; i < 1'000; ++i) fake::feed(talk.session, much);
  EXPECT_FALSE(talk.session.wants_input());
  EXPECT_LT(talk.session.facts().input_memory, 4 * limits::read_buffer_bytes);
}

TEST(SessionThatWaits, GoesAtOnceWhenItsPeerEnds) {
  for (const bool more_behind : {false, true}) {
    Talk talk;
    talk.backend.answers_at_once = false;
    talk.say(blpop);
    if (more_behind) talk.say(encoded({"GET", "a"}));
    talk.session.end_of_input();
    EXPECT_TRUE(talk.session.cut_off());
    talk.session.closed();
    EXPECT_THAT(talk.backend.abandoned, ElementsAre(1));
    talk.session.closed();
    EXPECT_THAT(talk.backend.abandoned, ElementsAre(1));
  }
}

TEST(SessionThatWaits, IsNotAbandonedOnceItIsAnswered) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(blpop);
  EXPECT_EQ(talk.complete_all(), blpop_reply);
  talk.session.closed();
  EXPECT_THAT(talk.backend.abandoned, IsEmpty());
}

TEST(SessionThatWaits, IsShownAndUnblocked) {
  Talk talk;
  talk.backend.answers_at_once = false;
  talk.say(blpop);
  Session& other = talk.world.connect();
  fake::feed(other, encoded({"CLIENT", "LIST", "ID", "1"}));
  EXPECT_THAT(fake::hear(other), HasSubstr(" flags=b "));
  fake::feed(other, encoded({"CLIENT", "UNBLOCK", "1", "ERROR"}));
  EXPECT_EQ(fake::hear(other), ":1\r\n");
  fake::feed(other, encoded({"CLIENT", "UNBLOCK", "2"}));
  EXPECT_EQ(fake::hear(other), ":0\r\n") << "that one does not wait";
  EXPECT_THAT(talk.backend.unblocked, ElementsAre(std::pair(std::uint64_t{1}, true)));
}

// Seconds pass: it is neither idle nor slow.
TEST(SessionThatWaits, IsNotCutOffForWaiting) {
  Talk talk;
  talk.world.context.idle_seconds_max = 2;
  talk.backend.answers_at_once = false;
  talk.say(blpop + encoded({"GET", "a"}));
  for (int second = 0; second < 100; ++second) talk.session.tick();
  EXPECT_FALSE(talk.session.cut_off());
}

}  // namespace
}  // namespace holdfast::server
