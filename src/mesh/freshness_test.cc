// SPDX-License-Identifier: Apache-2.0
#include "mesh/freshness.h"

#include <gtest/gtest.h>

namespace holdfast::mesh {
namespace {

using eventual::VersionVector;

VersionVector upto(std::uint64_t sequence) {
  VersionVector vector;
  vector.raise({2}, sequence);
  return vector;
}
Monotonic at(int ms) {
  return Monotonic(Millis(ms));
}

TEST(Freshness, OfAMemberThatSaidNothingNothingIsKnown) {
  Freshness freshness;
  EXPECT_FALSE(freshness.seen_until("n2", upto(5)));
}

TEST(Freshness, CountsFromTheQuestionNotFromTheAnswer) {
  Freshness freshness;
  freshness.heard("n2", at(100), upto(5));
  EXPECT_EQ(freshness.seen_until("n2", upto(5)), at(100));
}

TEST(Freshness, AWordCountsOnceAllItNamesIsHere) {
  Freshness freshness;
  freshness.heard("n2", at(100), upto(5));
  freshness.heard("n2", at(200), upto(9));
  EXPECT_FALSE(freshness.seen_until("n2", upto(4)));
  EXPECT_EQ(freshness.seen_until("n2", upto(8)), at(100));
  EXPECT_EQ(freshness.seen_until("n2", upto(9)), at(200));
  EXPECT_EQ(freshness.seen_until("n2", upto(9)), at(200));
}

TEST(Freshness, AnOlderWordByAnotherConnectionTakesNothingBack) {
  Freshness freshness;
  freshness.heard("n2", at(200), upto(5));
  EXPECT_EQ(freshness.seen_until("n2", upto(5)), at(200));
  freshness.heard("n2", at(150), upto(7));
  EXPECT_EQ(freshness.seen_until("n2", upto(5)), at(200));
}

// However long it is behind: what is kept is bounded, and it comes up to the
// newest word when it has caught up.
TEST(Freshness, OneThatIsBehindForLongCatchesUp) {
  Freshness freshness;
  for (int i = 1; i <= 10'000; ++i)
    freshness.heard("n2", at(i), upto(static_cast<std::uint64_t>(i)));
  EXPECT_EQ(freshness.seen_until("n2", upto(3)), at(3));
  EXPECT_EQ(freshness.seen_until("n2", upto(10'000)), at(10'000));
}

}  // namespace
}  // namespace holdfast::mesh
