// SPDX-License-Identifier: Apache-2.0
#include "eventual/element.h"

#include <gtest/gtest.h>

#include <deque>

namespace holdfast::eventual {
namespace {

class Elements : public ::testing::Test {
 protected:
  /// An operation with dot (origin, sequence), at a time, that saw these.
  UnstableOperation& operation(Dot dot, std::uint64_t time,
                               std::initializer_list<VersionVector::Part> seen = {}) {
    VersionVector vector;
    for (const auto& part : seen) vector.raise(part.origin, part.sequence);
    operations_.push_back({.dot = dot, .time = {time}});
    operations_.back().seen = share(std::move(vector));
    operations_.back().tries.push_back(dot);
    return operations_.back();
  }
  static Item put(UnstableOperation& by, std::string_view text, std::uint32_t index = 0) {
    return {&by, index, Role::put, false, 0, SpillingString(text)};
  }
  static Item plain_put(UnstableOperation& by, std::string_view text, std::uint32_t index = 0) {
    return {&by, index, Role::put, true, 0, SpillingString(text)};
  }
  static Item add(UnstableOperation& by, std::int64_t number) {
    return {&by, 0, Role::add, false, number, {}};
  }
  static Item remove(UnstableOperation& by) { return {&by, 0, Role::remove}; }
  std::string text(const Element& element, const Element* content = nullptr) {
    const Shown shown = evaluate(element, content);
    if (!shown.present) return "nothing";
    return shown.is_number ? std::to_string(shown.number) : std::string(shown.text);
  }
  void fold(Element& element, std::initializer_list<const UnstableOperation*> stable) {
    fold_writes(
        element, nullptr,
        [&](const UnstableOperation& one) {
          return std::find(stable.begin(), stable.end(), &one) != stable.end();
        },
        idle_);
  }

  static constexpr OriginId a{1}, b{2}, c{3};
  std::deque<UnstableOperation> operations_;
  Idle idle_;
  Element field{.kind = ElementKind::field};
};

TEST_F(Elements, TheGreatestPutThatCountsWinsAndIncrementsComeOnTop) {
  insert_item(field, put(operation({a, 1}, 10), "5"));
  insert_item(field, add(operation({b, 1}, 11), 3));
  insert_item(field, put(operation({c, 1}, 5), "lower"));
  EXPECT_EQ(text(field), "8");
  insert_item(field, put(operation({b, 2}, 20), "text"));  // saw b's increment alone
  EXPECT_EQ(text(field), "text");
}

TEST_F(Elements, WhatRemovesAllContentRemovesTheBase) {
  Element content{.kind = ElementKind::content};
  field.base = {.has_sum = true, .number = 4};
  EXPECT_EQ(text(field, &content), "4");
  insert_item(content, remove(operation({a, 1}, 10)));
  EXPECT_EQ(text(field, &content), "nothing");
  insert_item(field, add(operation({b, 1}, 5), 2));
  EXPECT_EQ(text(field, &content), "2");
}

// B saw X through its later try alone, which had not seen what the first had.
TEST_F(Elements, OneRemovalStandsForAnotherOnlyWhenItSawItsFirstTry) {
  UnstableOperation& written = operation({a, 1}, 10);
  UnstableOperation& twice = operation({a, 2}, 11);
  twice.tries.push_back({b, 1});
  UnstableOperation& later = operation({b, 2}, 20);
  insert_item(field, plain_put(written, "seen by the first try alone"));
  insert_item(field, remove(twice));
  insert_item(field, remove(later));
  EXPECT_EQ(text(field), "nothing");
  remove_seen(field, Act(field.items.back()), idle_);
  EXPECT_EQ(text(field), "nothing") << "the removal it does not stand for must stay";
}

TEST_F(Elements, AWriteIsFoldedWhenEveryRemovalSawIt) {
  UnstableOperation& written = operation({a, 1}, 10);
  UnstableOperation& removal = operation({b, 1}, 20);
  insert_item(field, add(written, 7));
  insert_item(field, remove(removal));
  fold(field, {&written});
  EXPECT_EQ(field.items.size(), 2U) << "folded, it would count as removed";
  EXPECT_EQ(text(field), "7");
}

// All removals saw it if the first ones did; but what stands for a first one
// saw its first try.
TEST_F(Elements, ARemovalThatSawOnlyALaterTryOfAnotherIsAskedItself) {
  UnstableOperation& written = operation({a, 1}, 10);
  UnstableOperation& twice = operation({a, 2}, 11);
  twice.tries.push_back({b, 1});
  UnstableOperation& later = operation({b, 2}, 20);
  insert_item(field, add(written, 7));
  insert_item(field, remove(twice));
  insert_item(field, remove(later));
  fold(field, {&written});
  EXPECT_EQ(field.items.size(), 3U);
}

TEST_F(Elements, TheFoldedPutKeepsItsRank) {
  UnstableOperation& high = operation({a, 1}, 20);
  UnstableOperation& low = operation({b, 1}, 10);
  insert_item(field, plain_put(high, "high"));
  insert_item(field, plain_put(low, "low"));
  fold(field, {&high});
  EXPECT_EQ(field.items.size(), 1U);
  EXPECT_EQ(text(field), "high");
  fold(field, {&high, &low});
  EXPECT_TRUE(field.items.empty());
  EXPECT_EQ(text(field), "high");
}

TEST_F(Elements, OfOneOperationsPutsTheLastIsFolded) {
  UnstableOperation& one = operation({a, 1}, 20);
  insert_item(field, plain_put(one, "first", 1));
  insert_item(field, plain_put(one, "second", 3));
  EXPECT_EQ(text(field), "second");
  fold(field, {&one});
  EXPECT_EQ(text(field), "second");
}

TEST_F(Elements, ANeverExpiringPutShowsNothing) {
  Element expiry{.kind = ElementKind::expiry};
  insert_item(expiry, {&operation({a, 1}, 10), 0, Role::put, true, 5'000, {}});
  EXPECT_EQ(evaluate(expiry, nullptr).number, 5'000);
  insert_item(expiry, {&operation({b, 1}, 20), 0, Role::put, true, expiry_never, {}});
  EXPECT_FALSE(evaluate(expiry, nullptr).present);
}

TEST_F(Elements, OperationsThatLoseTheirLastItemAreToldOf) {
  UnstableOperation& one = operation({a, 1}, 20);
  UnstableOperation& waiting = operation({a, 2}, 21);
  waiting.queued = 1;
  insert_item(field, add(one, 1));
  insert_item(field, add(waiting, 1));
  drop_items(
      field, [](Item&) { return true; }, idle_);
  EXPECT_EQ(idle_, Idle{&one});
}

}  // namespace
}  // namespace holdfast::eventual
