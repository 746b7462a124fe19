// SPDX-License-Identifier: Apache-2.0
#include "mesh/inbound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/wire.h"

namespace holdfast::mesh {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Receiver {
  Inbound inbound{[this](std::string_view entry) -> Status {
    if (refusal) return tl::unexpected(*refusal);
    taken.emplace_back(entry);
    return {};
  }};
  std::optional<Error> refusal;
  std::vector<std::string> taken;
};

std::string body_of(const std::vector<std::string>& entries) {
  std::string body;
  for (const std::string& entry : entries) wire::put_bytes(body, entry);
  return body;
}

TEST(Inbound, HandsOverEntriesInTheirOrder) {
  Receiver receiver;
  ASSERT_TRUE(receiver.inbound.take({FrameType::entries, body_of({"a", "bc", ""})}));
  EXPECT_THAT(receiver.taken, ElementsAre("a", "bc", ""));
  EXPECT_FALSE(receiver.inbound.stalled());
}

TEST(Inbound, PutsTheEntryTogetherThatNoFrameHolds) {
  Receiver receiver;
  ASSERT_TRUE(receiver.inbound.take({FrameType::part, "one"}));
  ASSERT_TRUE(receiver.inbound.take({FrameType::part, "two"}));
  EXPECT_THAT(receiver.taken, IsEmpty());
  ASSERT_TRUE(receiver.inbound.take({FrameType::entries, body_of({"three", "next"})}));
  EXPECT_THAT(receiver.taken, ElementsAre("onetwothree", "next"));
}

TEST(Inbound, WhatIsNotTakenNowIsOfferedAgainAndNothingBehindItBefore) {
  for (const Code code : {Code::busy, Code::unavailable}) {
    Receiver receiver;
    receiver.refusal = Error{code, "not now"};
    ASSERT_TRUE(receiver.inbound.take({FrameType::part, "one"}));
    ASSERT_TRUE(receiver.inbound.take({FrameType::entries, body_of({"two", "next"})}));
    ASSERT_TRUE(receiver.inbound.stalled());
    EXPECT_EQ(receiver.inbound.reason().message, "not now");
    ASSERT_TRUE(receiver.inbound.retry());
    EXPECT_TRUE(receiver.inbound.stalled());
    EXPECT_THAT(receiver.taken, IsEmpty());
    receiver.refusal.reset();
    ASSERT_TRUE(receiver.inbound.retry());
    EXPECT_FALSE(receiver.inbound.stalled());
    EXPECT_THAT(receiver.taken, ElementsAre("onetwo", "next"));
  }
}

TEST(Inbound, ErrorsThatAreForGoodEndIt) {
  Receiver receiver;
  receiver.refusal = Error{Code::corrupt, "no entry"};
  const Status taken = receiver.inbound.take({FrameType::entries, body_of({"a"})});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().message, "no entry");
  EXPECT_FALSE(Receiver().inbound.take({FrameType::entries, ""}));
  EXPECT_FALSE(Receiver().inbound.take({FrameType::entries, "\x05half"}));
}

}  // namespace
}  // namespace holdfast::mesh
