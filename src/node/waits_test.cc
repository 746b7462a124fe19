// SPDX-License-Identifier: Apache-2.0
#include "node/waits.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/limits.h"

namespace holdfast::node {
namespace {

class Answers final : public ReplySink {
 public:
  void complete(Ticket ticket, std::string_view reply, Replay) override {
    by_connection[ticket.connection] = reply;
  }
  std::map<std::uint64_t, std::string> by_connection;
};

Monotonic at(int ms) {
  return Monotonic(Millis(ms));
}

TEST(Waits, AnswerWhenItIsSoOrTheTimeIsUp) {
  Waits waits;
  Answers answers;
  bool is_so = false;
  const auto attempt = [&is_so](bool over, Reply& reply) {
    if (!is_so && !over) return false;
    reply.integer(is_so ? 1 : 0);
    return true;
  };
  ASSERT_TRUE(waits.add({1, 0}, at(50), attempt));
  ASSERT_TRUE(waits.add({2, 0}, Monotonic::max(), attempt));
  waits.turn(at(41), answers);
  EXPECT_EQ(waits.next_at(), at(50));  // sooner than the next look
  waits.turn(at(49), answers);
  EXPECT_TRUE(answers.by_connection.empty());
  waits.turn(at(50), answers);
  EXPECT_EQ(answers.by_connection, (std::map<std::uint64_t, std::string>{{1, ":0\r\n"}}));
  is_so = true;
  waits.turn(at(59), answers);
  EXPECT_EQ(answers.by_connection.size(), 1u);
  EXPECT_EQ(waits.next_at(), at(60));
  waits.turn(at(60), answers);
  EXPECT_EQ(answers.by_connection.at(2), ":1\r\n");
  EXPECT_EQ(waits.next_at(), Monotonic::max());
}

TEST(Waits, ForgetsWhoHasGoneAndEndsAllAtTheEnd) {
  Waits waits;
  Answers answers;
  const auto attempt = [](bool over, Reply& reply) {
    if (over) reply.ok();
    return over;
  };
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(waits.add({i, 0}, Monotonic::max(), attempt));
  waits.forget([](Ticket ticket) { return ticket.connection == 2; });
  waits.turn(Monotonic::max(), answers);
  EXPECT_EQ(answers.by_connection.size(), 2u);
  EXPECT_FALSE(answers.by_connection.contains(2));
}

TEST(Waits, AreBounded) {
  Waits waits;
  const auto never = [](bool, Reply&) { return false; };
  Status added;
  std::uint64_t taken = 0;
  while ((added = waits.add({taken + 1, 0}, Monotonic::max(), never))) ++taken;
  EXPECT_EQ(added.error().code, Code::busy);
  EXPECT_EQ(taken, limits::waits_max);
}

}  // namespace
}  // namespace holdfast::node
