// SPDX-License-Identifier: Apache-2.0
#include "lab/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lab/words.h"

namespace holdfast::lab {
namespace {

using testing::HasSubstr;

Standing standing(std::uint64_t accepted, std::uint64_t refused = 0) {
  Standing one;
  one.counts.accepted = accepted;
  one.counts.refused = refused;
  if (refused > 0) one.counts.codes["UNAVAILABLE"] = refused;
  return one;
}

LoadEnd likes(std::uint64_t acknowledged, std::vector<std::optional<Shown>> shown) {
  return {.scene = "likes",
          .what = "like",
          .eventual = true,
          .writes = {.sent = acknowledged, .acknowledged = acknowledged},
          .shown = std::move(shown),
          .digests = {"a", "a"},
          .equal_after = std::chrono::milliseconds(41)};
}

Shown of(std::int64_t value, std::int64_t plain = 0) {
  return {.value = value, .plain = plain};
}

TEST(Words, AreAsAPersonWritesThem) {
  EXPECT_EQ(count_of(1, "like"), "1 like");
  EXPECT_EQ(count_of(1'234'567, "like"), "1,234,567 likes");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(time_of(std::chrono::microseconds(41'400)), "41 ms");
  EXPECT_EQ(time_of(std::chrono::milliseconds(2'540)), "2.5 s");
  EXPECT_EQ(listed({"a", "b", "c"}), "a, b and c");
  EXPECT_EQ(listed({}), "");
}

TEST(Verdict, TellsWhatWasCounted) {
  const Judgement verdict = judge(likes(1'830, {of(1'830), of(1'830)}));
  EXPECT_TRUE(verdict.held);
  EXPECT_EQ(
      verdict.sentence,
      "likes: 1,830 likes acknowledged, 1,830 counted, none lost, none twice; all nodes equal "
      "41 ms after the last write");
}

TEST(Verdict, WhatIsUnknownMayHaveCountedOrNot) {
  LoadEnd load = likes(10, {of(12), of(12)});
  load.writes.open = 2;
  EXPECT_TRUE(judge(load).held);
  load.writes.open = 1;
  EXPECT_THAT(judge(load).sentence, HasSubstr("BROKEN: 11 sent, 12 counted: 1 twice"));
}

TEST(Verdict, EveryBrokenPromiseIsNamed) {
  EXPECT_THAT(judge(likes(10, {of(9), of(9)})).sentence, HasSubstr("1 lost"));
  EXPECT_THAT(judge(likes(10, {of(10), of(9)})).sentence, HasSubstr("different values"));
  EXPECT_THAT(judge(likes(10, {of(10), std::nullopt})).sentence, HasSubstr("did not answer"));
  LoadEnd load = likes(10, {of(10), of(10)});
  load.digests = {"a", "b"};
  EXPECT_THAT(judge(load).sentence, HasSubstr("digests differ"));
  load.digests.clear();
  load.eventual = false;
  load.stale_reads = 3;
  load.unsound_looks = 2;
  EXPECT_THAT(judge(load).broken.size(), 2u);
}

TEST(Verdict, APlainCounterThatIsTooHighBreaksNoPromise) {
  LoadEnd load = likes(100, {of(100, 117), of(100, 117)});
  load.plain = {.sent = 100, .acknowledged = 100, .tries = 130};
  const Judgement verdict = judge(load);
  EXPECT_TRUE(verdict.held);
  EXPECT_THAT(verdict.sentence,
              HasSubstr("without ids 100 sent in 130 tries, 117 counted: 17 too many"));
}

Played played_with(Phase phase) {
  return {.scene = "both",
          .cluster = "3 nodes",
          .nodes = {"node1", "node2", "node3"},
          .phases = {std::move(phase)},
          .loads = {likes(10, {of(10), of(10), of(10)})}};
}

TEST(Verdict, APhaseTellsOfWhoIsCutOff) {
  Phase phase{.broken = {"node3 is cut off"},
              .loads = {{.nodes = {standing(900), standing(930), standing(1'830, 214)}}}};
  const Played played = played_with(phase);
  EXPECT_EQ(sentence_of(phase, played),
            "node3 is cut off: it accepted 1,830 likes and refused 214 requests (UNAVAILABLE); the "
            "others accepted 1,830 likes");
}

TEST(Verdict, WhereNoNodeIsAsItWasTheyAreToldOfTogether) {
  Phase phase{.broken = {"all links between nodes are cut"},
              .loads = {{.nodes = {standing(1, 2), standing(3, 4), standing(5, 6)}}}};
  phase.loads[0].nodes[1].behind_for = std::chrono::seconds(3);
  EXPECT_EQ(sentence_of(phase, played_with(phase)),
            "all links between nodes are cut: all nodes accepted 9 likes, refused 12 requests "
            "(UNAVAILABLE) and were up to 3.0 s behind");
}

TEST(Verdict, AHealedPhaseTellsHowLongItTook) {
  Phase phase{.mended = true,
              .loads = {{.nodes = {standing(3), standing(3), standing(4)},
                         .caught_up = std::chrono::milliseconds(41)}}};
  EXPECT_EQ(sentence_of(phase, played_with(phase)),
            "healed: after 41 ms every node had all that was acknowledged before; all nodes "
            "accepted 10 likes");
  phase.loads[0].caught_up.reset();
  EXPECT_THAT(sentence_of(phase, played_with(phase)), HasSubstr("not every node"));
}

TEST(Verdict, TheJsonHasNumbersAndWords) {
  Phase phase{.from = std::chrono::seconds(2),
              .to = std::chrono::seconds(7),
              .broken = {"node3 is cut off"},
              .loads = {{.nodes = {standing(9), standing(9), standing(0, 214)}}}};
  const auto json = to_json(played_with(phase));
  EXPECT_EQ(json["held"], true);
  const auto& node = json["phases"][0]["loads"]["likes"]["nodes"]["node3"];
  EXPECT_EQ(node["refused"], 214);
  EXPECT_EQ(node["codes"]["UNAVAILABLE"], 214);
  EXPECT_EQ(json["phases"][0]["to_ms"], 7'000);
  EXPECT_EQ(json["loads"]["likes"]["nodes"]["node1"]["counted"], 10);
  EXPECT_EQ(json["loads"]["likes"]["equal_after_ms"], 41);
}

}  // namespace
}  // namespace holdfast::lab
