// SPDX-License-Identifier: Apache-2.0
#include "lab/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Scenario, IsReadWithItsActionsInTimesOrder) {
  const auto read = parse_scenario(R"({"scene": "likes", "rate": 500, "seconds": 12, "actions": [
      {"at": "7s", "heal": "node3"},
      {"at": "2s", "cut": ["node3", "node1>node2"]},
      {"at": 2.5, "delay": "node1-node2", "by": "80ms", "jitter": "20ms"},
      {"at": "3s", "lose": "mesh", "share": 0.25},
      {"at": "4s", "kill": "etcd1"}]})",
                                   Places(3, 3));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->rate, 500);
  EXPECT_EQ(read->duration, Millis(12'000));
  std::vector<std::string> told;
  for (const TimedAction& one : read->actions)
    told.push_back(std::to_string(one.at.count()) + " " + to_text(one.action));
  EXPECT_THAT(told, ElementsAre("2000 cut node3, node1>node2",
                                "2500 delay node1-node2 by 80 ms and up to 20 more",
                                "3000 lose mesh, 25%", "4000 kill etcd1", "7000 heal node3"));
}

struct Wrong {
  const char* json;
  const char* complaint;
};
class WrongScenario : public testing::TestWithParam<Wrong> {};

TEST_P(WrongScenario, NamesThePlace) {
  const auto read = parse_scenario(GetParam().json, Places(2, 0));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, StartsWith(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios, WrongScenario,
    testing::Values(
        Wrong{"{", "no JSON: byte 2"}, Wrong{"[]", "the scenario is no object"},
        Wrong{"{}", "scene: is none of likes, accounts, both, retry"},
        Wrong{R"({"scene":"lykes"})", "scene: is none of"},
        Wrong{R"({"scene":"likes","rate":0})", "rate: is no number from 1"},
        Wrong{R"({"scene":"likes","second":3})", "second: is not known here; there are"},
        Wrong{R"({"scene":"likes","seconds":1e9})", "seconds: is no number"},
        Wrong{R"({"scene":"likes","actions":{}})", "actions: is no list"},
        Wrong{R"({"scene":"likes","actions":[{"cut":"node1"}]})", "actions[0].at: is missing"},
        Wrong{R"({"scene":"likes","actions":[{"at":"soon","cut":"node1"}]})",
              "actions[0].at: is no time"},
        Wrong{R"({"scene":"likes","seconds":5,"actions":[{"at":"6s","cut":"node1"}]})",
              "actions[0].at: is no time up to 5s"},
        Wrong{R"({"scene":"likes","actions":[{"at":"1s"}]})", "actions[0]: does nothing"},
        Wrong{R"({"scene":"likes","actions":[{"at":"1s","cut":"node1","heal":"node1"}]})",
              "actions[0].heal: is one action too many"},
        Wrong{
            R"({"scene":"likes","actions":[{"at":"1s","cut":"node1"},{"at":"1s","cut":"node9"}]})",
            "actions[1].cut: no link 'node9'"},
        Wrong{R"({"scene":"likes","actions":[{"at":"1s","kill":"mesh"}]})",
              "actions[0].kill: no process 'mesh' here; there are node1, node2"},
        Wrong{R"({"scene":"likes","actions":[{"at":"1s","lose":"mesh","share":2}]})",
              "actions[0].share: is no number from 0 to 1"},
        Wrong{R"({"scene":"likes","actions":[{"at":"1s","heal":"node1>node2"}]})",
              "actions[0].heal: only a cut can be of one way"},
        Wrong{R"({"scene":"likes","actions":[{"at":"1s","cut":"node1","share":1}]})",
              "actions[0].share: is not known here"},
        Wrong{R"({"scene":"likes","actions":[7]})", "actions[0]"}));

TEST(Scenario, OneActionIsReadByItself) {
  const auto read = parse_action(R"({"pause": "node2"})", Places(2, 0));
  ASSERT_TRUE(read);
  EXPECT_EQ(to_text(*read), "pause node2");
  EXPECT_THAT(parse_action(R"({"at": "1s", "pause": "node2"})", Places(2, 0)).error().message,
              HasSubstr("at"));
}

TEST(Scenario, WhatIsReadyMadeFitsWhereItIsMade) {
  for (const Places& places : {Places(1, 0), Places(2, 0), Places(5, 3)}) {
    for (const SceneKind kind :
         {SceneKind::likes, SceneKind::accounts, SceneKind::both, SceneKind::retry}) {
      const Scenario scenario = ready_made(kind, places);
      for (const TimedAction& timed : scenario.actions) {
        EXPECT_LT(timed.at, scenario.duration);
        for (const std::string& target : timed.action.targets)
          EXPECT_TRUE(places.links_of(target)) << target;
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::lab
