// SPDX-License-Identifier: Apache-2.0
#include "verify/shrink.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "verify/check.h"
#include "verify/history_lines.h"
#include "verify/random_testing.h"

namespace holdfast::verify {
namespace {

using testing::BruteForce;
using testing::happened;
using testing::Mix;
using testing::op;
using testing::World;

constexpr ShrinkOptions small{.checks_max = 1000, .steps_max = 1'000'000};

bool fails(const History& history, const std::string& check_name) {
  const auto report = check(history, {.steps_max = 1'000'000});
  if (!report) return false;
  return std::any_of(report->violations.begin(), report->violations.end(),
                     [&](const Report::Violation& one) { return one.check == check_name; });
}

std::size_t known_index(World& world, const std::vector<Operation>& all, const char* command) {
  for (int i = 0; i < 10'000; ++i) {
    const std::size_t index = world.below(static_cast<std::uint32_t>(all.size()));
    if (all[index].outcome == Outcome::applied && all[index].commands[0][0] == command) {
      return index;
    }
  }
  return 0;
}

/// A read that began when the answer it gives had long been overwritten.
void plant_stale_read(World& world, std::vector<Operation>& all) {
  const std::size_t later =
      all.size() / 2 + world.below(static_cast<std::uint32_t>(all.size() / 2));
  for (std::size_t i = later; i < all.size(); ++i) {
    if (all[i].outcome != Outcome::applied || all[i].commands[0][0] != "GET") continue;
    for (std::size_t old = all.size() / 4; old > 0; --old) {
      if (all[old].outcome != Outcome::applied || all[old].commands[0][0] != "GET") continue;
      if (all[old].answer == all[i].answer) return;
      all[i].answer = all[old].answer;
      return;
    }
  }
}

void plant(World& world, Mix mix, std::vector<Operation>& all) {
  switch (world.below(3)) {
    case 0:
      plant_stale_read(world, all);
      break;
    case 1:  // what nobody asked for was applied, or twice
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(
                                  known_index(world, all, mix == Mix::counter ? "INCRBY" : "SET")));
      break;
    default: {  // acknowledged and lost
      Operation lost = all[known_index(world, all, mix == Mix::counter ? "INCRBY" : "SET")];
      if (mix != Mix::counter) lost.commands[0][2] = "lost";
      all.push_back(lost);
      break;
    }
  }
}

// Whatever is wrong with a history, what is left of it is wrong too.
RC_GTEST_PROP(ShrinkRandom, WhatIsLeftFailsAndIsNoLarger, ()) {
  const Mix mix = *rc::gen::element(Mix::unique_puts, Mix::few_values, Mix::counter,
                                    Mix::everything, Mix::transfers);
  World world(mix, *rc::gen::arbitrary<std::uint32_t>());
  int failing = 0;
  for (int i = 0; i < 20; ++i) {
    History history{
        .operations = happened(world, 1 + world.below(5), 4 + world.below(9), world.below(2) * 30)};
    if (history.operations.empty()) continue;
    for (std::uint32_t changes = 1 + world.below(2); changes > 0; --changes) {
      testing::spoil(world, history.operations);
    }
    if (!fails(history, "linearizable")) continue;
    ++failing;
    const History rest = shrink(history, "linearizable", small);
    if (!fails(rest, "linearizable") || BruteForce(rest.operations, rest.initial).linearizable()) {
      RC_FAIL("nothing wrong with\n" + to_lines(rest) + "of\n" + to_lines(history));
    }
    RC_ASSERT(rest.operations.size() <= history.operations.size());
  }
  RC_CLASSIFY(failing > 0, "with violations among them");
}

struct Sizes {
  int failing = 0;
  std::size_t largest = 0;
};

template <typename Plant>
Sizes sizes_of(Mix mix, std::uint32_t unknown_percent, Plant plant_in) {
  Sizes sizes;
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    World world(mix, seed);
    History history{.operations = happened(world, 1 + seed % 12, 500, unknown_percent)};
    plant_in(world, history.operations);
    if (!fails(history, "linearizable")) continue;
    const History rest = shrink(history, "linearizable", small);
    EXPECT_TRUE(fails(rest, "linearizable")) << to_lines(rest);
    ++sizes.failing;
    sizes.largest = std::max(sizes.largest, rest.operations.size());
  }
  return sizes;
}

TEST(Shrink, AStaleReadOfARegisterComesToAHandful) {
  const Sizes sizes = sizes_of(Mix::unique_puts, 3, plant_stale_read);
  EXPECT_GE(sizes.failing, 30);
  EXPECT_LE(sizes.largest, 6);
}

TEST(Shrink, AStaleReadOfACounterComesToAHandful) {
  const Sizes sizes = sizes_of(Mix::counter, 0, plant_stale_read);
  EXPECT_GE(sizes.failing, 30);
  EXPECT_LE(sizes.largest, 6);
}

TEST(Shrink, WhatIsLostOrDoubledComesToAHandful) {
  for (const Mix mix : {Mix::unique_puts, Mix::counter}) {
    const Sizes sizes = sizes_of(
        mix, 0, [mix](World& world, std::vector<Operation>& all) { plant(world, mix, all); });
    EXPECT_GE(sizes.failing, 10);
    EXPECT_LE(sizes.largest, 6);
  }
}

// Accounts and what up to 12 clients move between them, with no moment at which
// nothing is under way: what overlaps the first that is left may have to stay.
TEST(Shrink, AWrongSumOfAccountsComesToWhatWasUnderWay) {
  const Sizes sizes = sizes_of(Mix::transfers, 0, [](World& world, std::vector<Operation>& all) {
    Operation& read = all[known_index(world, all, "MGET")];
    Answer& first = read.answer.items[0];
    first = Answer::of(first.kind == Answer::Kind::nil ? "7" : first.text + "7");
  });
  EXPECT_GE(sizes.failing, 30);
  EXPECT_LE(sizes.largest, 24);
}

TEST(Shrink, OfManyKeysOneIsLeft) {
  History history;
  for (int key = 0; key < 20; ++key) {
    const std::string name = "k:" + std::to_string(key);
    history.initial[name] = Answer::of("old");
    history.operations.push_back(op(key, key + 1, "SET " + name + " new", Answer::of("OK")));
    const bool stale = key == 13;
    history.operations.push_back(
        op(key + 5, key + 6, "GET " + name, Answer::of(stale ? "old" : "new")));
  }
  const History rest = shrink(history, "linearizable");
  EXPECT_EQ(to_lines(rest),
            "{\"initial\":{\"k:13\":\"old\"}}\n"
            "{\"client\":\"c\",\"start\":13,\"end\":14,\"command\":[\"SET\",\"k:13\",\"new\"],"
            "\"reply\":\"OK\"}\n"
            "{\"client\":\"c\",\"start\":18,\"end\":19,\"command\":[\"GET\",\"k:13\"],"
            "\"reply\":\"old\"}\n");
}

TEST(Shrink, AFinalValueCanBeWhatIsWrong) {
  History history{
      .operations = {op(1, 2, "SET x a", Answer::of("OK")), op(3, 4, "SET x b", Answer::of("OK")),
                     op(5, 6, "GET x", Answer::of("b"))},
      .finals = {{"n1", {{"x", Answer::of("b")}, {"y", Answer{}}}, 4},
                 {"n2", {{"x", Answer::of("a")}}, 5}}};
  const History rest = shrink(history, "linearizable");
  EXPECT_EQ(rest.operations.size(), 2);
  ASSERT_EQ(rest.finals.size(), 1);
  EXPECT_EQ(rest.finals[0].node, "n2");
  EXPECT_TRUE(fails(rest, "linearizable"));
}

TEST(Shrink, TwoTriesShowThatTheirRepliesDiffer) {
  const auto tried = [](Time start, const char* id, const char* command, Answer answer) {
    return testing::with_id(id, op(start, start + 1, command, std::move(answer)));
  };
  const History history{.operations = {tried(1, "a", "INCR x", Answer::of(1)),
                                       tried(2, "b", "INCR x", Answer::of(2)),
                                       tried(3, "a", "INCR y:x", Answer::of(1)),
                                       tried(4, "b", "INCR x", Answer::of(2)),
                                       tried(5, "b", "INCR x", Answer::of(3))}};
  const History rest = shrink(history, "retries");
  ASSERT_EQ(rest.operations.size(), 2);
  EXPECT_EQ(rest.operations[0].start, 2);
  EXPECT_EQ(rest.operations[1].start, 5);
  EXPECT_TRUE(fails(rest, "retries"));
}

TEST(Shrink, ASumKeepsAllOfItsIncrements) {
  History history{
      .operations = {op(1, 2, "INCR x", Answer::of(1)), op(3, 4, "INCR y", Answer::of(1)),
                     testing::multi(5, 6, {"INCRBY x 5", "INCR y"}, {Answer::of(6), Answer::of(2)}),
                     op(7, 8, "GET x", Answer::of("6")), testing::unknown(9, "INCR x")},
      .finals = {{"n1", {{"x", Answer::of("6")}, {"y", Answer::of("2")}}, 6},
                 {"n2", {{"x", Answer::of("8")}, {"y", Answer::of("2")}}, 7}}};
  const History rest = shrink(history, "exactly once");
  EXPECT_EQ(rest.operations.size(), 3);
  EXPECT_EQ(rest.operations[1].commands, (std::vector<Command>{{"INCRBY", "x", "5"}}));
  EXPECT_EQ(rest.finals.size(), 1);
  EXPECT_TRUE(fails(rest, "exactly once"));
}

TEST(Shrink, TwoNodesShowThatTheyDiffer) {
  const History history{.operations = {op(1, 2, "SET x a", Answer::of("OK"))},
                        .finals = {{"n1", {{"x", Answer::of("a")}, {"z", Answer::of("1")}}, 2},
                                   {"n2", {{"x", Answer::of("a")}}, 3},
                                   {"n3", {{"x", Answer{}}, {"z", Answer::of("1")}}, 4}}};
  const History rest = shrink(history, "agreement");
  EXPECT_TRUE(rest.operations.empty());
  EXPECT_EQ(to_lines(rest),
            "{\"final\":{\"x\":\"a\"},\"node\":\"n1\"}\n"
            "{\"final\":{\"x\":null},\"node\":\"n3\"}\n");
  EXPECT_TRUE(fails(rest, "agreement"));
}

TEST(Shrink, WhereNothingIsWrongAllStays) {
  const History history{.operations = {op(1, 2, "SET x a", Answer::of("OK"))},
                        .finals = {{"n1", {{"x", Answer::of("a")}}, 2}}};
  for (const char* check_name : {"linearizable", "retries", "exactly once", "agreement", "?"}) {
    EXPECT_EQ(to_lines(shrink(history, check_name)), to_lines(history)) << check_name;
  }
}

TEST(Shrink, KeepsToItsBoundsAndDoesTheSameEachTime) {
  World world(Mix::counter, 5);
  History history{.operations = happened(world, 6, 500, 3)};
  plant_stale_read(world, history.operations);
  ASSERT_TRUE(fails(history, "linearizable"));
  const std::size_t uncut = shrink(history, "linearizable", {.checks_max = 0}).operations.size();
  const std::size_t a_few = shrink(history, "linearizable", {.checks_max = 5}).operations.size();
  const History rest = shrink(history, "linearizable");
  EXPECT_LT(a_few, uncut);
  EXPECT_LT(rest.operations.size(), a_few);
  EXPECT_EQ(to_lines(shrink(history, "linearizable")), to_lines(rest));
  EXPECT_TRUE(fails(shrink(history, "linearizable", {.checks_max = 5}), "linearizable"));
}

}  // namespace
}  // namespace holdfast::verify
