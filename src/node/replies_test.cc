// SPDX-License-Identifier: Apache-2.0
#include "node/replies.h"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::node {
namespace {

struct Sink final : ReplySink {
  void complete(Ticket ticket, std::string_view reply, Replay) override {
    got.emplace_back(ticket.sequence, reply);
  }
  std::vector<std::pair<std::uint64_t, std::string>> got;
};

TEST(Replies, OrdinaryTicketsPassThrough) {
  Sink sink;
  Replies replies(sink);
  replies.complete({1, 7}, "+OK\r\n", Replay::none);
  EXPECT_EQ(sink.got, (decltype(sink.got){{7, "+OK\r\n"}}));
}

TEST(Replies, ASplitRequestIsAnsweredOnceWhenItsLastPartIs) {
  Sink sink;
  Replies replies(sink);
  auto split = replies.split({1, 7}, 3, "+OK\r\n");
  replies.complete(split.next(), "+OK\r\n", Replay::none);
  replies.complete(split.next(), "+OK\r\n", Replay::none);
  EXPECT_TRUE(sink.got.empty());
  replies.complete(split.next(), "+OK\r\n", Replay::none);
  EXPECT_EQ(sink.got, (decltype(sink.got){{7, "+OK\r\n"}}));
}

TEST(Replies, ASplitRequestReportsItsFirstError) {
  Sink sink;
  Replies replies(sink);
  auto split = replies.split({1, 7}, 3, "+OK\r\n");
  replies.complete(split.next(), "+OK\r\n", Replay::none);
  replies.complete(split.next(), "-UNKNOWN first\r\n", Replay::none);
  replies.complete(split.next(), "-BUSY second\r\n", Replay::none);
  EXPECT_EQ(sink.got, (decltype(sink.got){{7, "-UNKNOWN first\r\n"}}));
}

}  // namespace
}  // namespace holdfast::node
