// SPDX-License-Identifier: Apache-2.0
#include "mesh/whereabouts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::mesh {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(Whereabouts, WhatIsListedIsDialedUntilItIsKnownWhoIsThere) {
  Whereabouts where("n1", {"a:1", "b:1", "a:1", "self:1"});
  EXPECT_THAT(where.to_dial(), ElementsAre("a:1", "b:1", "self:1"));
  EXPECT_THAT(where.never_met(), ElementsAre("a:1", "b:1", "self:1"));
  where.is_self("self:1");
  EXPECT_THAT(where.to_dial(), ElementsAre("a:1", "b:1"));
  where.answered("a:1", "n2", {"10.0.0.2:1", 5});
  EXPECT_THAT(where.never_met(), ElementsAre("b:1"));
  EXPECT_EQ(where.met_at("a:1"), "n2");
  EXPECT_EQ(where.met_at("self:1"), "n1");
  // It is reached where it was listed: not at its own address as well.
  EXPECT_THAT(where.to_dial(), ElementsAre("a:1", "b:1"));
}

TEST(Whereabouts, ANodeUnderTwoListedAddressesIsDialedOnce) {
  Whereabouts where("n1", {"a:1", "b:1"});
  where.answered("a:1", "n2", {"x:1", 5});
  where.answered("b:1", "n2", {"x:1", 5});
  EXPECT_THAT(where.to_dial(), ElementsAre("a:1"));
}

TEST(Whereabouts, NodesThatNobodyListedAreDialedWhereTheyWereToldToBe) {
  Whereabouts where("n1", {"a:1"});
  where.answered("a:1", "n2", {"a:1", 5});
  where.told({{"n3", {"c:1", 7}}, {"n1", {"me:1", 7}}, {"n2", {"a:1", 5}}});
  EXPECT_THAT(where.to_dial(), ElementsAre("a:1", "c:1"));
  EXPECT_EQ(where.address_of("n3"), "c:1");
  EXPECT_EQ(where.address_of("n1"), "") << "of itself it knows better";
  where.forget("n3");
  EXPECT_THAT(where.to_dial(), ElementsAre("a:1"));
}

TEST(Whereabouts, OfTwoAddressesOfANodeTheOneItCameToLaterCounts) {
  Whereabouts where("n1", {"a:1"});
  where.answered("a:1", "n2", {"a:1", 5});
  where.told("n2", {"old:1", 4});
  EXPECT_THAT(where.to_dial(), ElementsAre("a:1"));
  where.told("n2", {"moved:1", 6});
  EXPECT_THAT(where.to_dial(), UnorderedElementsAre("a:1", "moved:1"))
      << "and who is at the listed one now is to be found out";
  where.answered("a:1", "n4", {"a:1", 8});
  EXPECT_THAT(where.to_dial(), UnorderedElementsAre("a:1", "moved:1"));
  where.answered("moved:1", "n2", {"moved:1", 6});
  EXPECT_EQ(where.address_of("n2"), "moved:1");
  EXPECT_EQ(where.address_of("n4"), "a:1");
}

TEST(Whereabouts, EverybodyChoosesTheSameOfTwoThatAreEquallyLate) {
  Whereabouts one("n1", {}), other("n1", {});
  one.told("n2", {"a:1", 5});
  one.told("n2", {"b:1", 5});
  other.told("n2", {"b:1", 5});
  other.told("n2", {"a:1", 5});
  EXPECT_EQ(one.places(), other.places());
}

TEST(Whereabouts, OnlyWhatIsNewCountsAsAChange) {
  Whereabouts where("n1", {"a:1"});
  where.answered("a:1", "n2", {"a:1", 5});
  const std::uint64_t changes = where.changes();
  where.answered("a:1", "n2", {"a:1", 5});
  where.told("n2", {"a:1", 5});
  where.told("n2", {"b:1", 4});
  where.told("n2", {});
  EXPECT_EQ(where.changes(), changes);
  where.told("n2", {"b:1", 6});
  EXPECT_GT(where.changes(), changes);
}

TEST(Whereabouts, AfterAStartItIsKnownWhoWasMetWhereButNotThatHeStillIs) {
  Whereabouts before("n1", {"a:1", "b:1"});
  before.answered("a:1", "n2", {"a:1", 5});
  before.told("n3", {"c:1", 7});
  Whereabouts after("n1", {"a:1", "d:1"});
  ASSERT_TRUE(after.restore(before.encode()));
  EXPECT_THAT(after.never_met(), ElementsAre("d:1"));
  EXPECT_EQ(after.met_at("a:1"), "n2");
  EXPECT_EQ(after.places(), before.places());
  EXPECT_THAT(after.to_dial(), UnorderedElementsAre("a:1", "d:1", "c:1"));
}

TEST(Whereabouts, WhatIsMalformedIsRefused) {
  Whereabouts where("n1", {"a:1"});
  where.answered("a:1", "n2", {"a:1", 5});
  const std::string kept = where.encode();
  const std::string frame = encode(where.places());
  EXPECT_EQ(decode_places(frame).value(), where.places());
  for (std::size_t cut = 0; cut < kept.size(); ++cut)
    EXPECT_FALSE(Whereabouts("n1", {}).restore(kept.substr(0, cut))) << cut;
  for (std::size_t cut = 0; cut < frame.size(); ++cut)
    EXPECT_FALSE(decode_places(frame.substr(0, cut))) << cut;
  EXPECT_FALSE(decode_places(frame + "x"));
  EXPECT_FALSE(decode_places(encode({{"", {"a:1", 1}}})));
  EXPECT_FALSE(decode_places(encode({{"n2", {"", 1}}})));
  EXPECT_FALSE(decode_places(encode({{"n2", {"a:1\n", 1}}})));
  EXPECT_THAT(decode_places(encode({})).value(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::mesh
