// SPDX-License-Identifier: Apache-2.0
#include "node/waiting_pops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "table/store.h"

namespace holdfast::node {
namespace {

constexpr KeyspaceId jobs{3};
const Monotonic start = Monotonic{} + std::chrono::hours(1);
constexpr std::string_view nothing = "*-1\r\n";

/// A log that holds attempts until the test has them come to something, and lists of so many items.
struct World final : WaitingPops::Host {
  struct Attempted {
    std::uint64_t number;
    Attempt attempt;
  };

  Status attempt(const WaitingPops::Request&, Attempt attempt, std::uint64_t number) override {
    if (!log) return log;
    attempts.push_back({number, attempt});
    return {};
  }
  std::optional<Held> held(KeyspaceId, std::string_view key) override {
    const auto found = lists.find(std::string(key));
    if (found == lists.end() || found->second == 0) return std::nullopt;
    return Held{Type::list, found->second};
  }
  bool still_admits(const WaitingPops::Request&) override { return admits; }
  void answer(Ticket ticket, std::string_view reply, Replay) override {
    EXPECT_TRUE(answers.emplace(ticket.sequence, reply).second) << "answered twice";
  }
  Table& table(KeyspaceId) override { return keys; }

  // A client's BLPOP, which has found nothing.
  void wait(std::uint64_t client, std::vector<std::string> of, std::string id = {},
            std::optional<Monotonic> deadline = {}, bool tried = true) {
    of.insert(of.begin(), "BLPOP");
    of.emplace_back("0");
    EXPECT_TRUE(pops.add({.row = commands.find("BLPOP"),
                          .args = std::move(of),
                          .request_id = std::move(id),
                          .caller = {},
                          .keyspace = jobs,
                          .ticket = {1, client},
                          .deadline = deadline},
                         tried));
  }
  void push(const std::string& key, std::size_t items) {
    lists[key] += items;
    keys.put(key, Value::integer(1));  // tells that it has changed
  }
  // The oldest attempt takes an item of the key, or finds nothing.
  void come_to(std::string_view reply) {
    ASSERT_FALSE(attempts.empty());
    const std::uint64_t number = attempts.front().number;
    attempts.erase(attempts.begin());
    pops.tried(number, reply, Replay::none);
  }
  std::vector<std::uint64_t> tried_by() const {
    std::vector<std::uint64_t> numbers;
    for (const Attempted& one : attempts) numbers.push_back(one.number);
    return numbers;
  }

  CommandTable commands{list_rows()};
  std::unique_ptr<Store> store = make_memory_store();
  Table keys{jobs, *store};
  std::map<std::string, std::size_t> lists;
  std::vector<Attempted> attempts;
  std::map<std::uint64_t, std::string> answers;
  Status log;
  bool admits = true;
  WaitingPops pops{*this};
};

using Numbers = std::vector<std::uint64_t>;

TEST(WaitingPops, AsManyTryAsThereAreItemsTheFirstOnesFirst) {
  World world;
  for (std::uint64_t client = 1; client <= 5; ++client) world.wait(client, {"q"});
  EXPECT_FALSE(world.pops.turn(start));
  world.push("other", 9);
  EXPECT_FALSE(world.pops.turn(start)) << "nobody waits for it";
  world.push("q", 2);
  EXPECT_TRUE(world.pops.turn(start));
  EXPECT_EQ(world.tried_by(), (Numbers{1, 2}));
  world.push("q", 1);
  EXPECT_TRUE(world.pops.turn(start));
  EXPECT_EQ(world.tried_by(), (Numbers{1, 2, 3})) << "those under way take the first two";
}

TEST(WaitingPops, WhatComesToNothingKeepsItsPlace) {
  World world;
  world.wait(1, {"q"});
  world.wait(2, {"q"});
  world.push("q", 1);
  world.pops.turn(start);
  world.lists["q"] = 0;  // somebody else took it
  world.come_to(nothing);
  EXPECT_TRUE(world.answers.empty());
  world.push("q", 1);
  world.pops.turn(start);
  EXPECT_EQ(world.tried_by(), Numbers{1});
  world.come_to("one");
  EXPECT_EQ(world.answers[1], "one");
  EXPECT_EQ(world.pops.size(), 1u);
}

// Of two keys it took from one: what is in the other is for the next.
TEST(WaitingPops, WhatOneLeavesIsForTheNext) {
  World world;
  world.wait(1, {"a", "b"});
  world.wait(2, {"b"});
  world.push("a", 1);
  world.pops.turn(start);
  world.push("b", 1);
  world.pops.turn(start);
  EXPECT_EQ(world.tried_by(), Numbers{1});
  world.lists["a"] = 0;
  world.come_to("from a");
  EXPECT_TRUE(world.pops.turn(start));
  EXPECT_EQ(world.tried_by(), Numbers{2});
}

TEST(WaitingPops, TimeIsOverAtItsMomentAndNotBefore) {
  World world;
  world.wait(1, {"q"}, {}, start + Millis(50));
  world.wait(2, {"q"}, "id", start + Millis(40));
  world.wait(3, {"q"});
  EXPECT_EQ(world.pops.wanted_at(), start + Millis(40));
  EXPECT_FALSE(world.pops.turn(start + Millis(39)));
  EXPECT_TRUE(world.pops.turn(start + Millis(40)));
  ASSERT_EQ(world.attempts.size(), 1u) << "what a request id came to is for the log to say";
  EXPECT_EQ(world.attempts[0].attempt, Attempt::last);
  world.come_to("*2 taken in that moment");
  EXPECT_EQ(world.answers[2], "*2 taken in that moment");
  EXPECT_FALSE(world.pops.turn(start + Millis(50)));
  EXPECT_EQ(world.answers[1], nothing);
  EXPECT_EQ(world.pops.size(), 1u);
  EXPECT_EQ(world.pops.wanted_at(), std::nullopt);
}

TEST(WaitingPops, AnAttemptUnderWayIsWaitedForWhenTimeIsOver) {
  for (const bool takes : {false, true}) {
    World world;
    world.wait(1, {"q"}, {}, start);
    world.push("q", 1);
    world.pops.turn(start - Millis(1));
    world.pops.turn(start);
    EXPECT_TRUE(world.answers.empty()) << "it may have taken";
    world.come_to(takes ? "item" : nothing);
    EXPECT_EQ(world.answers[1], takes ? "item" : nothing);
  }
}

TEST(WaitingPops, WhoHasGoneIsNotTriedFor) {
  World world;
  world.wait(1, {"q"});
  world.wait(2, {"q"});
  world.pops.abandon({1, 1});
  world.push("q", 1);
  world.pops.turn(start);
  EXPECT_EQ(world.tried_by(), Numbers{2});
  world.pops.abandon({1, 2});
  EXPECT_EQ(world.pops.size(), 0u);
  world.come_to("taken for nobody");
  EXPECT_TRUE(world.answers.empty());
}

TEST(WaitingPops, AreUnblockedOnce) {
  World world;
  world.wait(1, {"q"});
  world.wait(2, {"q"}, "id");
  world.wait(3, {"q"});
  EXPECT_FALSE(world.pops.unblock({1, 9}, true));
  EXPECT_TRUE(world.pops.unblock({1, 1}, true));
  EXPECT_EQ(world.answers[1], "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  EXPECT_TRUE(world.pops.unblock({1, 2}, true));
  EXPECT_EQ(world.attempts.at(0).attempt, Attempt::unblocked);
  EXPECT_FALSE(world.pops.unblock({1, 2}, true)) << "that is under way";
  EXPECT_TRUE(world.pops.unblock({1, 3}, false));
  EXPECT_EQ(world.answers[3], nothing);
}

TEST(WaitingPops, AnotherTryOfTheSameIdHearsOfItsOutcome) {
  World world;
  world.wait(1, {"q"}, "id");
  world.wait(2, {"q"}, "other");
  world.pops.recorded(jobs, make_id_key({}, "id"));
  world.pops.recorded({99}, make_id_key({}, "other"));
  EXPECT_TRUE(world.pops.turn(start));
  EXPECT_EQ(world.tried_by(), Numbers{1});
}

TEST(WaitingPops, ThoseThatAreNoLongerAdmittedTryToBeTold) {
  World world;
  world.wait(1, {"q"});
  world.pops.look_at_catalog();
  EXPECT_FALSE(world.pops.turn(start));
  world.admits = false;
  world.pops.look_at_catalog();
  EXPECT_TRUE(world.pops.turn(start));
  world.come_to("-UNAVAILABLE the keyspace was dropped\r\n");
  EXPECT_TRUE(world.answers[1].starts_with("-UNAVAILABLE"));
}

TEST(WaitingPops, AStopEndsAllThatHaveTakenNothing) {
  World world;
  world.wait(1, {"q"});
  world.wait(2, {"q"}, {}, {}, false);
  world.wait(3, {"q"}, {}, {}, false);
  world.pops.stop({Code::unavailable, "this node is stopping"});
  EXPECT_EQ(world.answers[1], "-UNAVAILABLE this node is stopping\r\n");
  world.come_to(nothing);
  EXPECT_EQ(world.answers[2], "-UNAVAILABLE this node is stopping\r\n");
  world.come_to("item");
  EXPECT_EQ(world.answers[3], "item");
  EXPECT_FALSE(
      world.pops.add({.row = world.commands.find("BLPOP"), .args = {"BLPOP", "q", "0"}}, true));
}

TEST(WaitingPops, WhereTheLogTakesNothingItIsTold) {
  World world;
  world.wait(1, {"q"});
  world.wait(2, {"q"});
  world.log = fail(Code::busy, "too much waits for the log");
  world.push("q", 2);
  world.pops.turn(start);
  EXPECT_EQ(world.answers.size(), 2u);
  EXPECT_EQ(world.pops.size(), 0u);
}

// Whatever happens in whatever order: with items left nobody waits who is not trying, and everybody
// is answered once.
TEST(WaitingPops, NobodyIsForgottenInAnyHistory) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    World world;
    std::mt19937 random(seed);
    std::uint64_t clients = 0;
    const auto key = [&] { return "q" + std::to_string(random() % 4); };
    // An attempt, in the order of the log: takes of the first of its keys that has some.
    std::map<std::uint64_t, std::vector<std::string>> asked;
    const auto apply = [&] {
      const auto number = world.attempts.front().number;
      for (const std::string& of : asked[number]) {
        if (world.lists[of] == 0) continue;
        --world.lists[of];
        world.keys.put(of, Value::integer(2));
        return world.come_to("item of " + of);
      }
      world.come_to(nothing);
    };
    for (int step = 0; step < 400; ++step) {
      switch (random() % 6) {
        case 0:
        case 1: {
          const std::vector<std::string> keys{key(), key()};
          asked[++clients] = keys;  // numbers are given in this order, too
          world.wait(clients, keys, {}, {}, false);
          break;
        }
        case 2:
          world.push(key(), 1 + random() % 3);
          break;
        case 3:
          world.pops.abandon({1, 1 + random() % (clients + 1)});
          break;
        default:
          if (!world.attempts.empty()) apply();
      }
      world.pops.turn(start);
    }
    while (!world.attempts.empty()) {
      apply();
      world.pops.turn(start);
    }
    std::size_t left = 0;
    for (const auto& [of, items] : world.lists) left += items;
    if (left > 0) {
      // What is left nobody waits for.
      const std::size_t waiting = world.pops.size();
      for (const auto& [of, items] : world.lists) {
        if (items > 0) world.keys.put(of, Value::integer(3));
      }
      EXPECT_FALSE(world.pops.turn(start)) << "seed " << seed << ", " << waiting << " waited";
    }
  }
}

}  // namespace
}  // namespace holdfast::node
