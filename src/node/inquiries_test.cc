// SPDX-License-Identifier: Apache-2.0
// Protects: whoever asks what other nodes say is answered once, within a second, and is told
// of each that did not answer.
#include "node/inquiries.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace holdfast::node {
namespace {

using Said = Inquiries::Said;

struct World {
  Status ask(const std::vector<std::string>& nodes) {
    return inquiries.ask(
        KeyspaceId{7}, "k", nodes, now,
        [this](const std::string& node, const mesh::Question& question) -> Status {
          if (node == "away") return fail(Code::unavailable, "it does not answer");
          asked.emplace_back(node, question.number);
          return {};
        },
        [this](const std::vector<Said>& said) { ended.push_back(said); });
  }
  void answer(std::size_t which, const std::string& value) {
    mesh::Answer answer{.number = asked.at(which).second, .refused = {}, .says = {}};
    answer.says.type = Type::string;
    answer.says.value = value;
    inquiries.answered(asked.at(which).first, answer);
  }
  void turn(Millis later) { inquiries.turn(now += later); }

  Inquiries inquiries;
  Monotonic now{};
  std::vector<std::pair<std::string, std::uint64_t>> asked;
  std::vector<std::vector<Said>> ended;
};

TEST(Inquiries, EndWhenAllHaveAnswered) {
  World world;
  ASSERT_TRUE(world.ask({"n2", "n3"}));
  world.answer(1, "of n3");
  world.turn(Millis(1));
  EXPECT_TRUE(world.ended.empty());
  world.answer(0, "of n2");
  EXPECT_TRUE(world.ended.empty()) << "only turn() ends one";
  world.turn(Millis(1));
  ASSERT_EQ(world.ended.size(), 1u);
  EXPECT_EQ(world.ended[0][0].node, "n2");
  EXPECT_EQ(world.ended[0][0].says.value, "of n2");
  EXPECT_EQ(world.ended[0][1].says.value, "of n3");
  EXPECT_TRUE(world.inquiries.idle());
}

TEST(Inquiries, TellOfWhoDoesNotAnswerWithinASecond) {
  World world;
  ASSERT_TRUE(world.ask({"away", "n2", "n3"}));
  world.answer(0, "of n2");
  world.turn(Millis(999));
  EXPECT_TRUE(world.ended.empty());
  world.turn(Millis(1));
  ASSERT_EQ(world.ended.size(), 1u);
  EXPECT_FALSE(world.ended[0][0].answered);
  EXPECT_EQ(world.ended[0][0].why, "it does not answer");
  EXPECT_TRUE(world.ended[0][1].answered);
  EXPECT_FALSE(world.ended[0][2].answered);
  EXPECT_EQ(world.ended[0][2].why, "no answer in a second");
  world.answer(1, "too late");
  world.turn(Millis(1'000));
  EXPECT_EQ(world.ended.size(), 1u);
}

TEST(Inquiries, WhereNobodyCanBeAskedEndWithTheNextTurn) {
  World world;
  ASSERT_TRUE(world.ask({"away"}));
  EXPECT_TRUE(world.ended.empty());
  world.turn(Millis(0));
  EXPECT_EQ(world.ended.size(), 1u);
}

TEST(Inquiries, ARefusalIsNoAnswerAndASecondOneChangesNothing) {
  World world;
  ASSERT_TRUE(world.ask({"n2", "n3"}));
  world.inquiries.answered("n2", {.number = 1, .refused = "it has no data", .says = {}});
  world.answer(0, "then it has");
  world.inquiries.answered("n9", {.number = 1, .refused = {}, .says = {}});
  world.turn(Millis(1));
  EXPECT_TRUE(world.ended.empty()) << "n3 has not answered";
  world.answer(1, "of n3");
  world.turn(Millis(1));
  ASSERT_EQ(world.ended.size(), 1u);
  EXPECT_FALSE(world.ended[0][0].answered);
  EXPECT_EQ(world.ended[0][0].why, "it has no data");
}

TEST(Inquiries, AreBoundedAndAllEndWhenTheNodeStops) {
  World world;
  for (std::size_t i = 0; i < limits::questions_waiting_max; ++i) ASSERT_TRUE(world.ask({"n2"}));
  const Status refused = world.ask({"n2"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::busy);
  world.inquiries.give_up("this node is stopping");
  ASSERT_EQ(world.ended.size(), limits::questions_waiting_max);
  EXPECT_EQ(world.ended[0][0].why, "this node is stopping");
  EXPECT_TRUE(world.inquiries.idle());
}

}  // namespace
}  // namespace holdfast::node
