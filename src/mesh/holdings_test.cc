// SPDX-License-Identifier: Apache-2.0
#include "mesh/holdings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"

namespace holdfast::mesh {
namespace {

using eventual::OriginId;
using eventual::VersionVector;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

VersionVector vector_of(std::uint64_t origin, std::uint64_t sequence) {
  VersionVector vector;
  vector.raise({origin}, sequence);
  return vector;
}

Report report_of(std::vector<Holding> holdings, std::vector<OriginId> ended = {}) {
  return {.merged = {},
          .hears = {},
          .holdings = std::move(holdings),
          .ended = std::move(ended),
          .trimmed = {}};
}

Holding holding_of(std::string node, std::uint64_t origin, std::uint64_t sequence,
                   std::uint64_t clock) {
  return {std::move(node), {origin}, vector_of(origin, sequence), {}, {clock}, {}};
}

struct World {
  Holdings holdings{
      {.node = "n1", .origin = {1}, .disk = {}, .view = {}, .clock = {}, .let_go = {}}};
};

TEST(Holdings, AMemberThatWasNotHeardOfCountsAndAcknowledgesNothing) {
  World world;
  EXPECT_TRUE(world.holdings.others().empty());
  world.holdings.expect("n2");
  ASSERT_THAT(world.holdings.others(), SizeIs(1));
  EXPECT_NE(world.holdings.others()[0], OriginId{2});
  ASSERT_TRUE(world.holdings.heard(report_of({holding_of("n2", 2, 5, 10)})));
  EXPECT_THAT(world.holdings.others(), ElementsAre(OriginId{2}));
}

TEST(Holdings, TheNewestWordOfAMemberCountsWhoeverTells) {
  World world;
  ASSERT_TRUE(
      world.holdings.heard(report_of({holding_of("n2", 2, 5, 10), holding_of("n3", 3, 7, 20)})));
  ASSERT_TRUE(
      world.holdings.heard(report_of({holding_of("n3", 3, 6, 15), holding_of("n2", 2, 6, 11)})));
  EXPECT_EQ(world.holdings.all().at("n3").disk, vector_of(3, 7));
  EXPECT_EQ(world.holdings.all().at("n2").disk, vector_of(2, 6));
  // Of itself it knows better.
  ASSERT_TRUE(
      world.holdings.heard(report_of({holding_of("n2", 2, 6, 12), holding_of("n1", 1, 99, 99)})));
  EXPECT_EQ(world.holdings.self().disk, VersionVector());
}

TEST(Holdings, WhoWasRemovedDoesNotComeBackByOthersWord) {
  World world;
  ASSERT_TRUE(
      world.holdings.heard(report_of({holding_of("n2", 2, 5, 10), holding_of("n3", 3, 7, 20)})));
  world.holdings.remove("n3");
  ASSERT_TRUE(
      world.holdings.heard(report_of({holding_of("n2", 2, 5, 11), holding_of("n3", 3, 8, 30)})));
  EXPECT_THAT(world.holdings.others(), ElementsAre(OriginId{2}));
  EXPECT_TRUE(world.holdings.has_ended({3}));
  // Others hear of it.
  Holdings other({.node = "n2", .origin = {2}, .disk = {}, .view = {}, .clock = {}, .let_go = {}});
  ASSERT_TRUE(other.heard(report_of({holding_of("n3", 3, 7, 20)})));
  ASSERT_TRUE(other.heard(report_of({holding_of("n1", 1, 1, 1)}, {{3}})));
  EXPECT_THAT(other.others(), ElementsAre(OriginId{1}));
  // Anew it can come.
  ASSERT_TRUE(
      world.holdings.heard(report_of({holding_of("n2", 2, 5, 12), holding_of("n3", 33, 1, 40)})));
  EXPECT_THAT(world.holdings.others(), ElementsAre(OriginId{2}, OriginId{33}));
}

TEST(Holdings, AMemberThatBeginsAnewHasNothingWhateverItHadBefore) {
  World world;
  ASSERT_TRUE(world.holdings.heard(report_of({holding_of("n2", 2, 5, 10)})));
  world.holdings.begins_anew("n2", {22});
  EXPECT_THAT(world.holdings.others(), ElementsAre(OriginId{22}));
  EXPECT_EQ(world.holdings.all().at("n2").disk, VersionVector());
  EXPECT_TRUE(world.holdings.has_ended({2}));
  // The old one's word, handed on late, does not count.
  ASSERT_TRUE(
      world.holdings.heard(report_of({holding_of("n3", 3, 1, 1), holding_of("n2", 2, 6, 11)})));
  EXPECT_EQ(world.holdings.all().at("n2").origin, OriginId{22});
}

// Whoever knows of an incarnation must know that those before it have ended, or
// stability would count on what they left behind.
TEST(Holdings, OfANodeThatLostItsLogsEndTheIncarnationsBeforeHaveEnded) {
  const std::vector<OriginId> former{{2}, {21}};
  Holdings node({.node = "n2", .origin = {22}, .disk = {}, .view = {}, .clock = {}, .let_go = {}},
                former);
  World world;
  ASSERT_TRUE(world.holdings.heard(report_of({holding_of("n2", 2, 5, 10)})));
  EXPECT_NE(world.holdings.view(), node.view());
  ASSERT_TRUE(world.holdings.heard(report_of({holding_of("n2", 22, 5, 12)}, {{2}, {21}})));
  EXPECT_EQ(world.holdings.view(), node.view());
  EXPECT_THAT(world.holdings.others(), ElementsAre(OriginId{22}));
  EXPECT_TRUE(world.holdings.has_ended({2}));
}

TEST(Holdings, OneThatIsBehindCannotEndANewIncarnation) {
  World world;
  ASSERT_TRUE(world.holdings.heard(report_of({holding_of("n2", 22, 5, 10)})));
  ASSERT_TRUE(
      world.holdings.heard(report_of({holding_of("n3", 3, 1, 1), holding_of("n2", 2, 6, 11)})));
  EXPECT_THAT(world.holdings.others(), UnorderedElementsAre(OriginId{3}, OriginId{22}));
  EXPECT_FALSE(world.holdings.has_ended({22}));
  // It may speak for itself, if it was wiped and knows of none before.
  ASSERT_TRUE(world.holdings.heard(report_of({holding_of("n2", 222, 1, 12)})));
  EXPECT_THAT(world.holdings.others(), UnorderedElementsAre(OriginId{3}, OriginId{222}));
  EXPECT_TRUE(world.holdings.has_ended({22}));
}

TEST(Holdings, MembersOutliveARestart) {
  World world;
  world.holdings.expect("n4");
  ASSERT_TRUE(world.holdings.heard(report_of({holding_of("n2", 2, 5, 10)}, {{3}})));
  World again;
  ASSERT_TRUE(again.holdings.add_members(world.holdings.encode_members()));
  EXPECT_EQ(again.holdings.others(), world.holdings.others());
  EXPECT_TRUE(again.holdings.has_ended({3}));
  EXPECT_EQ(again.holdings.encode_members(), world.holdings.encode_members());
  const std::string bytes = world.holdings.encode_members();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(World().holdings.add_members(std::string_view(bytes).substr(0, size))) << size;
}

TEST(Holdings, MoreMembersThanThereCanBeAreRefused) {
  World world;
  for (std::size_t i = 2; i <= limits::members_max; ++i)
    ASSERT_TRUE(world.holdings.heard(report_of({holding_of("m" + std::to_string(i), i, 1, 1)})));
  EXPECT_FALSE(world.holdings.heard(report_of({holding_of("one more", 1'000, 1, 1)})));
}

// One that was taken out before it ever reported: a member that has none of its words
// would wait for them for ever.
TEST(Holdings, WhoWasMetAndTakenOutElsewhereIsOut) {
  World world;
  world.holdings.meet("n3", {33});
  EXPECT_TRUE(world.holdings.all().contains("n3"));
  Report report = report_of({holding_of("n2", 2, 1, 1)});
  report.ended = {{33}};
  ASSERT_TRUE(world.holdings.heard(report));
  EXPECT_FALSE(world.holdings.all().contains("n3"));
  world.holdings.meet("n3", {33});
  EXPECT_FALSE(world.holdings.all().contains("n3")) << "it is still there, and out";
  world.holdings.meet("n3", {34});
  EXPECT_TRUE(world.holdings.all().contains("n3")) << "under its name comes another";
}

TEST(Report, ComesBackAsItWas) {
  const Report report{.merged = vector_of(1, 9),
                      .hears = {{2}, {3}},
                      .holdings = {holding_of("n1", 1, 8, 77), holding_of("n2", 2, 1, 70)},
                      .ended = {{9}}};
  const std::string bytes = encode(report);
  EXPECT_EQ(decode_report(bytes).value(), report);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_report(std::string_view(bytes).substr(0, size))) << size;
  EXPECT_FALSE(decode_report(bytes + "x"));
  Report odd = report;
  odd.hears = {{3}, {2}};
  EXPECT_FALSE(decode_report(encode(odd)));
  odd = report;
  odd.holdings[1].origin = {0};
  EXPECT_FALSE(decode_report(encode(odd)));
  odd = report;
  odd.ended = {{0}};
  EXPECT_FALSE(decode_report(encode(odd)));
  odd = report;
  odd.holdings.clear();
  EXPECT_FALSE(decode_report(encode(odd)));
}

}  // namespace
}  // namespace holdfast::mesh
