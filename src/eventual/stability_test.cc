// SPDX-License-Identifier: Apache-2.0
#include "eventual/stability.h"

#include <gtest/gtest.h>

namespace holdfast::eventual {
namespace {

constexpr OriginId self{1}, second{2}, third{3}, gone{9};

VersionVector vector_of(std::initializer_list<VersionVector::Part> parts) {
  VersionVector vector;
  for (const auto& part : parts) vector.raise(part.origin, part.sequence);
  return vector;
}

class StabilityOfThree : public ::testing::Test {
 protected:
  StabilityOfThree() { stability.set_members(std::vector{self, second, third}); }
  Stability stability{self};
  const VersionVector own = vector_of({{self, 10}});
};

TEST(Stability, AloneEverythingIsStable) {
  Stability stability(self);
  EXPECT_TRUE(stability.is_stable(Dot{self, 1'000}));
  stability.set_members(std::vector{self});
  EXPECT_TRUE(stability.is_stable(Dot{self, 1'000}));
}

TEST_F(StabilityOfThree, StableIsWhatAllOthersHave) {
  const VersionVector merged = vector_of({{self, 10}, {second, 5}});
  stability.acknowledged(second, vector_of({{self, 7}}), {}, {}, merged);
  EXPECT_FALSE(stability.is_stable(Dot{self, 1}));
  stability.acknowledged(third, vector_of({{self, 4}}), {}, {}, merged);
  EXPECT_TRUE(stability.is_stable(Dot{self, 4}));
  EXPECT_FALSE(stability.is_stable(Dot{self, 5}));
}

// Else an operation that the member wrote before it had ours could still come,
// concurrent to what was taken for stable.
TEST_F(StabilityOfThree, AnAcknowledgementWaitsForWhatItsMemberHadWritten) {
  VersionVector merged = vector_of({{self, 10}});
  stability.acknowledged(third, vector_of({{self, 9}}), {}, {}, merged);
  stability.acknowledged(second, vector_of({{self, 7}, {second, 3}}), {}, {}, merged);
  EXPECT_FALSE(stability.is_stable(Dot{self, 1}));
  merged.raise(second, 2);
  stability.merged_more(merged);
  EXPECT_FALSE(stability.is_stable(Dot{self, 1}));
  merged.raise(second, 3);
  stability.merged_more(merged);
  EXPECT_TRUE(stability.is_stable(Dot{self, 7}));
}

TEST_F(StabilityOfThree, ItWaitsForOriginsThatWriteNoMoreToo) {
  VersionVector merged = vector_of({{self, 10}});
  stability.acknowledged(third, vector_of({{self, 9}}), {}, {}, merged);
  stability.acknowledged(second, vector_of({{self, 7}, {gone, 1}}), {}, {}, merged);
  EXPECT_FALSE(stability.is_stable(Dot{self, 1}));
  merged.raise(gone, 1);
  stability.merged_more(merged);
  EXPECT_TRUE(stability.is_stable(Dot{self, 1}));
}

TEST_F(StabilityOfThree, OneThatIsAlwaysAMessageAheadCountsInTheEnd) {
  VersionVector merged = vector_of({{self, 100}});
  stability.acknowledged(third, vector_of({{self, 100}}), {}, {}, merged);
  for (std::uint64_t i = 1; i <= 10; ++i) {
    stability.acknowledged(second, vector_of({{self, i}, {second, i}}), {}, {}, merged);
    merged.raise(second, i);
    if (i + 1 <= 10)
      stability.acknowledged(second, vector_of({{self, i + 1}, {second, i + 1}}), {}, {}, merged);
    stability.merged_more(merged);
  }
  EXPECT_TRUE(stability.is_stable(Dot{self, 9}));
}

TEST_F(StabilityOfThree, ItsTimeIsTheLeastOfTheMembers) {
  EXPECT_EQ(stability.time(), HybridTime{0});
  stability.acknowledged(second, {}, HybridTime{30}, {}, {});
  stability.heard(second, HybridTime{50});
  stability.acknowledged(third, {}, HybridTime{40}, {}, {});
  EXPECT_EQ(stability.time(), HybridTime{40});
}

// Else what only `third` has of `gone`, and told before it knew that to be all,
// could come later, concurrent to what was taken for stable.
TEST_F(StabilityOfThree, WhereAnIncarnationHasEndedOnlyWordsCountThatWereGivenKnowingIt) {
  constexpr View view{7};
  const VersionVector ours = vector_of({{self, 7}});
  stability.acknowledged(second, ours, HybridTime{5}, {}, own);
  stability.acknowledged(third, ours, HybridTime{5}, {}, own);
  EXPECT_TRUE(stability.is_stable(Dot{self, 7}));
  stability.set_members(std::vector{self, second, third}, view);
  EXPECT_FALSE(stability.is_stable(Dot{self, 7}));
  EXPECT_EQ(stability.time(), HybridTime{0});
  stability.acknowledged(second, ours, HybridTime{6}, view, own);
  stability.acknowledged(third, ours, HybridTime{6}, {}, own);
  EXPECT_FALSE(stability.is_stable(Dot{self, 7}));
  VersionVector merged = own;
  stability.acknowledged(third, vector_of({{self, 7}, {gone, 1}}), HybridTime{7}, view, merged);
  EXPECT_FALSE(stability.is_stable(Dot{self, 7}));
  merged.raise(gone, 1);
  stability.merged_more(merged);
  EXPECT_TRUE(stability.is_stable(Dot{self, 7}));
  EXPECT_EQ(stability.time(), HybridTime{6});
}

TEST_F(StabilityOfThree, IsReadAsItWasWritten) {
  stability.acknowledged(second, vector_of({{self, 7}}), HybridTime{5}, {}, own);
  stability.acknowledged(third, vector_of({{self, 8}}), HybridTime{6}, {}, own);
  std::string bytes;
  stability.encode(bytes);
  Stability other(self);
  wire::Reader in(bytes);
  other.decode(in);
  EXPECT_TRUE(in.ok() && in.at_end());
  EXPECT_TRUE(other.is_stable(Dot{self, 7}));
  EXPECT_FALSE(other.is_stable(Dot{self, 8}));
  EXPECT_EQ(other.time(), HybridTime{5});
}

TEST_F(StabilityOfThree, WhoLeavesHoldsNothingBack) {
  stability.acknowledged(second, vector_of({{self, 7}}), {}, {}, own);
  stability.set_members(std::vector{self, second});
  EXPECT_TRUE(stability.is_stable(Dot{self, 7}));
}

}  // namespace
}  // namespace holdfast::eventual
