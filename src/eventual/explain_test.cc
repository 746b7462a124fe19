// SPDX-License-Identifier: Apache-2.0
// Protects: what is told of why a key has its value, as stories; that it adds up in
// any history is histories_test's.
#include "eventual/explain.h"

#include <gtest/gtest.h>

#include "eventual/test_explanation.h"
#include "eventual/test_lines.h"

namespace holdfast::eventual::testing {
namespace {

using Effect = Explanation::Effect;
using What = Effect::What;

Explanation explanation_of(TestReplica& replica, const std::string& key,
                           const Explanation::Bounds& bounds = {}) {
  return replica.replica().explain(likes, key, bounds);
}

/// The members never say what they have, so nothing becomes stable.
struct Two {
  TestReplica a{1, origins({1, 2, 3})}, b{2, origins({1, 2, 3})};
  Two() { b.wall += Millis(1); }
};

TEST(Explain, AnIncrementThatWasTriedAtTwoReplicasCountsOnce) {
  Two two;
  const std::string first = two.a.write(add("k", 5), "anna:42");
  const std::string second = two.b.write(add("k", 5), "anna:42");
  const std::string other = two.b.write(add("k", 2));
  ASSERT_TRUE(two.a.receive(OriginId{2}, second) && two.a.receive(OriginId{2}, other));
  ASSERT_EQ(see(two.a, "k"), "'7'");

  const Explanation told = explanation_of(two.a, "k");
  EXPECT_EQ(told.origins.at(OriginId{1}).sum, 5);
  EXPECT_EQ(told.origins.at(OriginId{2}).sum, 2);
  ASSERT_EQ(told.ids.size(), 1u);
  EXPECT_EQ(told.ids[0].id, make_id_key({}, "anna:42"));
  EXPECT_EQ(told.ids[0].counted, (Dot{OriginId{1}, 1}));
  EXPECT_EQ(told.ids[0].tries, (std::vector<Dot>{{OriginId{1}, 1}, {OriginId{2}, 1}}));
  ASSERT_EQ(told.origins.at(OriginId{1}).effects.size(), 1u);
  EXPECT_EQ(told.origins.at(OriginId{1}).effects[0].id, make_id_key({}, "anna:42"));
  EXPECT_FALSE(told.origins.at(OriginId{2}).effects[0].id);
}

TEST(Explain, ASetRemovesOnlyTheIncrementsThatItHadSeen) {
  Two two;
  const std::string seen = two.a.write(add("k", 5));
  ASSERT_TRUE(two.b.receive(OriginId{1}, seen));
  const std::string text = two.b.write(set("k", "100"), "with-an-id");
  two.a.write(add("k", 3));
  ASSERT_TRUE(two.a.receive(OriginId{2}, text));
  ASSERT_EQ(see(two.a, "k"), "'103'");

  const Explanation told = explanation_of(two.a, "k");
  const auto& from_a = told.origins.at(OriginId{1});
  ASSERT_EQ(from_a.effects.size(), 2u);
  EXPECT_EQ(from_a.effects[0].number, 3);
  EXPECT_TRUE(from_a.effects[0].counts);
  EXPECT_EQ(from_a.effects[1].number, 5);
  EXPECT_TRUE(from_a.effects[1].covered);
  EXPECT_EQ(from_a.sum, 3);
  const auto& from_b = told.origins.at(OriginId{2});
  ASSERT_EQ(from_b.effects.size(), 1u) << "a SET is one effect, whatever it removes besides";
  EXPECT_EQ(from_b.effects[0].what, What::put);
  EXPECT_EQ(from_b.effects[0].text, "100");
  EXPECT_TRUE(from_b.effects[0].clears && from_b.effects[0].counts);
  EXPECT_FALSE(from_b.has_sum);
}

TEST(Explain, WhatARemovalWithoutAnIdCoversIsGoneAndNotTold) {
  Two two;
  two.a.write(add("k", 5));
  two.a.write(set("k", "x"));
  const Explanation told = explanation_of(two.a, "k");
  ASSERT_EQ(told.origins.at(OriginId{1}).effects.size(), 1u);
  EXPECT_EQ(told.origins.at(OriginId{1}).effects[0].text, "x");
}

TEST(Explain, AnIncrementOfATextThatIsNoNumberDoesNotCount) {
  Two two;
  const std::string one = two.a.write(add("k", 5));
  const std::string other = two.b.write(set("k", "abc"));
  ASSERT_TRUE(two.a.receive(OriginId{2}, other) && two.b.receive(OriginId{1}, one));
  for (TestReplica* replica : {&two.a, &two.b}) {
    const Explanation told = explanation_of(*replica, "k");
    const Effect& hidden = told.origins.at(OriginId{1}).effects.at(0);
    EXPECT_FALSE(hidden.counts || hidden.covered);
    EXPECT_FALSE(told.origins.at(OriginId{1}).has_sum);
    EXPECT_TRUE(told.origins.at(OriginId{2}).effects.at(0).counts);
  }
}

TEST(Explain, AnAddWinsOverAConcurrentRemove) {
  Two two;
  const std::string seen = two.a.write(sadd("k", "x"));
  ASSERT_TRUE(two.b.receive(OriginId{1}, seen));
  const std::string removal = two.b.write(srem("k", "x"), "id");
  two.a.write(sadd("k", "x"));
  ASSERT_TRUE(two.a.receive(OriginId{2}, removal));
  ASSERT_EQ(see(two.a, "k"), "[x]");
  const Explanation told = explanation_of(two.a, "k");
  const auto& adds = told.origins.at(OriginId{1}).effects;
  ASSERT_EQ(adds.size(), 2u);
  EXPECT_TRUE(adds[0].counts);
  EXPECT_TRUE(adds[1].covered);
  EXPECT_EQ(told.origins.at(OriginId{2}).effects.at(0).what, What::remove);
}

TEST(Explain, WhatEveryMemberHasIsFoldedAndNobodysAnyMore) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  const std::string one = a.write(add("k", 5), "id");
  ASSERT_TRUE(b.receive(OriginId{1}, one));
  EXPECT_EQ(explanation_of(b, "k").origins.size(), 1u);
  settle({&a, &b});
  const std::string later = a.write(add("k", 2));
  for (TestReplica* replica : {&a, &b}) {
    const Explanation told = explanation_of(*replica, "k");
    ASSERT_EQ(told.stable.size(), 1u);
    EXPECT_TRUE(told.stable[0].has_sum && told.stable[0].sum_counts);
    EXPECT_EQ(told.stable[0].number, 5);
    EXPECT_TRUE(told.ids.empty());
  }
  EXPECT_EQ(explanation_of(a, "k").origins.at(OriginId{1}).sum, 2);
  EXPECT_FALSE(explanation_of(b, "k").open);
}

TEST(Explain, AloneEverythingIsStable) {
  TestReplica alone{1};
  alone.write(hset("k", "f", "text"));
  alone.write(hadd("k", "n", 3));
  alone.write(expire("k", alone.wall + Millis(500)));
  const Explanation told = explanation_of(alone, "k");
  EXPECT_TRUE(told.origins.empty());
  ASSERT_EQ(told.stable.size(), 3u);
  EXPECT_EQ(told.expiry, alone.wall + Millis(500));
  EXPECT_EQ(told.shown, Type::hash);
}

TEST(Explain, ADelWithAnIdKeepsWhatItCovers) {
  Two two;
  two.a.write(hset("k", "f", "x"));
  two.a.write(expire("k", two.a.wall + Millis(900)));
  two.a.write(del("k"), "id");
  const Explanation told = explanation_of(two.a, "k");
  EXPECT_FALSE(told.shown);
  std::map<What, Effect> effects;
  for (const Effect& effect : told.origins.at(OriginId{1}).effects)
    effects.emplace(effect.what, effect);
  ASSERT_EQ(effects.size(), 3u);
  EXPECT_TRUE(effects.at(What::put).covered);
  EXPECT_TRUE(effects.at(What::expire).covered);
  EXPECT_EQ(effects.at(What::expire).number, to_ms(two.a.wall + Millis(900)));
  EXPECT_TRUE(effects.at(What::clear).clears);
  EXPECT_TRUE(effects.at(What::clear).id.has_value());
}

TEST(Explain, WhatIsTooMuchIsCountedAndStillAddsUp) {
  Two two;
  for (int i = 0; i < 300; ++i) two.a.run(add("k", 1), "id" + std::to_string(i));
  const std::string many = two.a.take();
  const std::string twice = two.b.write(add("k", 1), "id7");
  ASSERT_TRUE(two.b.receive(OriginId{1}, many));
  const Explanation told = explanation_of(two.b, "k");
  const auto& origin = told.origins.at(OriginId{1});
  EXPECT_EQ(origin.effects.size(), 100u);
  EXPECT_EQ(origin.left_out, 200u);
  EXPECT_EQ(origin.sum, 300);
  EXPECT_EQ(told.ids.size(), 100u);
  EXPECT_EQ(told.ids_left_out, 200u);
  EXPECT_EQ(told.ids[0].id, make_id_key({}, "id7")) << "tried twice: not among the left out";
}

TEST(Explain, OfALargeCollectionTheRestIsCounted) {
  Two two;
  TestReplica alone{9};
  for (int i = 0; i < 250; ++i) alone.write(sadd("k", "m" + std::to_string(i)));
  const Explanation plain = explanation_of(alone, "k");
  EXPECT_EQ(plain.stable.size(), 100u);
  EXPECT_EQ(plain.stable_left_out, 150u);
  alone.write(set("t", std::string(1'000, 'x')));
  const Explanation text = explanation_of(alone, "t");
  EXPECT_EQ(text.stable.at(0).text.size(), 128u);
  EXPECT_EQ(text.stable.at(0).text_bytes, 1'000u);
}

TEST(Explain, AFieldThatAnIncrementMadeHasNothingStable) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  ASSERT_TRUE(b.receive(a.self(), a.write(hset("k", "there", "7"))));
  settle({&a, &b});
  a.write(hadd("k", "there", 1));
  a.write(hadd("k", "new", 1));
  const Explanation told = explanation_of(a, "k");
  ASSERT_EQ(told.stable.size(), 1u);
  EXPECT_EQ(told.stable.at(0).element, "there");
  EXPECT_EQ(told.stable.at(0).number, 7);
  EXPECT_EQ(told.origins.at(OriginId{1}).effects.size(), 2u);
}

TEST(Explain, OfAStableCollectionWithOneOpenMemberEachIsToldOnce) {
  TestReplica a{1, origins({1, 2})}, b{2, origins({1, 2})};
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(b.receive(OriginId{1}, a.write(sadd("k", "m" + std::to_string(i)))));
  settle({&a, &b});
  a.write(sadd("k", "m3"));
  const Explanation told = explanation_of(a, "k", {.elements = 4});
  EXPECT_EQ(told.stable.size(), 4u);
  EXPECT_EQ(told.stable_left_out, 6u);
  EXPECT_EQ(told.origins.at(OriginId{1}).effects.size(), 1u);
}

TEST(Explain, AKeyThatIsNotThereHasNothing) {
  Two two;
  const Explanation told = explanation_of(two.a, "k");
  EXPECT_FALSE(told.open || told.shown || told.expiry);
  EXPECT_TRUE(told.origins.empty() && told.stable.empty() && told.ids.empty());
}

}  // namespace
}  // namespace holdfast::eventual::testing
