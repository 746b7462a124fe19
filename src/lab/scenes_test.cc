// SPDX-License-Identifier: Apache-2.0
#include "lab/scenes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using verify::Answer;
using verify::Command;

std::unique_ptr<Scene> scene_of(SceneKind kind, const std::vector<Like>& likes = {}) {
  return std::move(make_scenes({.scene = kind, .things = 3}, 1, "r1", likes, 7).front());
}

Answer array(std::vector<Answer> items) {
  return {.kind = Answer::Kind::array, .items = std::move(items)};
}

TEST(Scenes, EveryLikeHasAnIdOfItsOwn) {
  const auto scene = scene_of(SceneKind::likes);
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    const Op op = scene->next();
    EXPECT_EQ(op.commands.front().front(), "INCRBY");
    ids.insert(op.id);
  }
  EXPECT_EQ(ids.size(), 100u);
  EXPECT_EQ(scene->probe().size(), 5u);
  EXPECT_EQ(scene->shown(array({Answer::of("2"), Answer{}, Answer::of("40"), Answer{}}))->value,
            42);
  EXPECT_FALSE(scene->shown(Answer::of("2")));
}

TEST(Scenes, LikesOfAFileComeAgainAsOtherPeoples) {
  const auto scene = scene_of(SceneKind::likes, {{"film", "anna"}, {"song", "bert"}});
  std::vector<std::string> told;
  for (int i = 0; i < 3; ++i) {
    const Op op = scene->next();
    told.push_back(op.commands[0][1] + " " + op.id);
  }
  EXPECT_THAT(told, ElementsAre("likes:r1-film r1-1-anna", "likes:r1-song r1-1-bert",
                                "likes:r1-film r1-2-anna"));
}

TEST(Scenes, ATransferMovesAsMuchAsItTakesAndIsCounted) {
  const auto scene = scene_of(SceneKind::accounts);
  int reads = 0;
  for (int i = 0; i < 200; ++i) {
    const Op op = scene->next();
    if (!op.write) {
      ++reads;
      continue;
    }
    ASSERT_EQ(op.commands.size(), 3u);
    EXPECT_TRUE(op.multi);
    EXPECT_EQ(op.commands[0][2], op.commands[1][2]);
    EXPECT_NE(op.commands[0][1], op.commands[1][1]);
    EXPECT_THAT(op.commands[2], ElementsAre("INCRBY", "accounts:r1-transfers", "1"));
  }
  EXPECT_GT(reads, 10);
}

TEST(Scenes, MoneyThatIsMissingIsSeen) {
  const auto scene = scene_of(SceneKind::accounts);
  const auto of = [&](const char* transfers, const char* a, const char* b, const char* c) {
    return *scene->shown(
        array({Answer::of(transfers), Answer::of(a), Answer::of(b), Answer::of(c), Answer{}}));
  };
  EXPECT_EQ(of("5", "990", "1010", "1000"), (Shown{.value = 5, .beats = {0}}));
  EXPECT_FALSE(of("5", "990", "1000", "1000").sound);
  EXPECT_TRUE(scene->shown(array({Answer{}, Answer{}, Answer{}, Answer{}, Answer{}}))->sound);
}

TEST(Scenes, RetriesComeInTurnWithAndWithoutAnId) {
  const auto scene = scene_of(SceneKind::retry);
  const Op plain = scene->next(), once = scene->next();
  EXPECT_TRUE(plain.plain);
  EXPECT_TRUE(plain.id.empty());
  EXPECT_FALSE(once.plain);
  EXPECT_FALSE(once.id.empty());
  EXPECT_EQ(*scene->shown(array({Answer::of("3"), Answer::of("5"), Answer::of("9")})),
            (Shown{.value = 3, .plain = 5, .beats = {9}}));
  EXPECT_THAT(scene->beat(0, 10), ElementsAre("SET", "retry:r1-beat-1", "10"));
}

TEST(Scenes, BothAreTwo) {
  EXPECT_EQ(make_scenes({.scene = SceneKind::both}, 3, "r", {}, 1).size(), 2u);
}

}  // namespace
}  // namespace holdfast::lab
