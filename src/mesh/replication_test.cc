// SPDX-License-Identifier: Apache-2.0
// Whole nodes under random schedules: connections that break anywhere, crashes,
// power cuts, trimming. In the end every node must show what the brute-force
// model makes of the operations that were not lost with a disk.
// HOLDFAST_SEEDS=n runs n of them, HOLDFAST_SEED=s one.
#include "mesh/replication.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "eventual/test_seeds.h"
#include "mesh/test_mesh.h"

namespace holdfast::mesh::testing {
namespace {

using eventual::testing::BruteForceModel;
using eventual::testing::ModelState;
using eventual::testing::show;
using eventual::testing::state_of;
using eventual::testing::tracing;

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    lets_go_ = chance(30);
    const std::size_t count = 2 + below(3) + (lets_go_ ? 1 : 0);  // two never let go
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back("n" + std::to_string(i));
    for (std::size_t i = 0; i < count; ++i) {
      nodes_.push_back(std::make_unique<TestNode>(names[i], i + 1, names, random_()));
      nodes_.back()->wall += Millis(below(3'000));
    }
    for (auto& from : nodes_) {
      for (auto& to : nodes_) {
        if (from != to) links_.push_back(std::make_unique<TestLink>(*from, *to));
      }
    }
    keys_ = 1 + below(4);
    ids_ = chance(30) ? 0 : 1 + below(20);
    power_cuts_ = chance(50);
    clocks_jump_ = chance(20);
    breaks_ = 1 + below(10);
  }

  std::string run(std::size_t steps) {
    if (lets_go_) steps *= 3;
    for (std::size_t i = 0; i < steps && failure_.empty(); ++i) step();
    if (failure_.empty()) settle();
    return failure_;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  bool chance(std::size_t percent) { return below(100) < percent; }
  TestNode& any() { return *nodes_[below(nodes_.size())]; }

  void step() {
    TestNode& node = any();
    if (lets_go_ && chance(2)) away_ = chance(60) ? &any() : nullptr;
    if (lets_go_ && chance(5) && node.replication().needs_checkpoint() && &node != away_)
      return catch_up(node);
    if (lets_go_ && chance(8)) {
      end_turn(node);
      node.log().sync_now();
      node.let_go();  // of the checkpoint before: others have had time to take it
      return node.checkpoint();
    }
    node.wall += Millis(below(5));
    if (clocks_jump_ && chance(2)) jump(node);
    const std::size_t dice = below(100);
    if (dice < 35) return write(node);
    if (dice < 80) return move(*links_[below(links_.size())]);
    if (dice < 84) return node.log().sync_now();
    if (dice < 88) return (void)node.replica().tidy(node.wall);
    if (dice < 91) {
      end_turn(node);
      return node.checkpoint();
    }
    if (dice < 93) {
      end_turn(node);
      return node.trim();
    }
    if (dice < 98) {
      if (below(10) < breaks_) links_[below(links_.size())]->end();
      return;
    }
    crash(node);
  }

  // A peer's log no longer has what it lacks: it gets a checkpoint, and goes on with
  // what is its own.
  void catch_up(TestNode& node) {
    for (auto& from : nodes_) {
      if (from.get() == &node || from.get() == away_ || !node.may_adopt(*from)) continue;
      end_turn(node);
      end_turn(*from);
      const VersionVector had = node.replica().merged(), theirs = from->replica().merged();
      node.adopt(*from);
      if (!node.replica().merged().includes(had)) failure_ = "a checkpoint took what a node had";
      if (!node.replica().merged().includes(theirs)) failure_ = "a checkpoint lacks something";
      lose_links(node);
      return;
    }
  }

  // By as much as three hours, either way: the others take nothing from one that is
  // too far ahead until they are there as well.
  void jump(TestNode& node) {
    const Millis by(below(3) == 0 ? below(3LL * 3'600'000) : below(30'000));
    node.wall += chance(50) ? by : -std::min(by, Millis(node.wall.time_since_epoch()) / 2);
  }

  void write(TestNode& node) {
    Line line{"EFFECTS"};
    static constexpr int kinds[] = {1, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8};
    for (std::size_t n = 1 + (chance(25) ? below(3) : 0); n > 0; --n) {
      const std::string key = "k" + std::to_string(below(keys_));
      line.insert(line.end(), {std::to_string(kinds[below(std::size(kinds))]), key,
                               "e" + std::to_string(below(3)), std::to_string(below(50)),
                               std::to_string(below(9)), "0"});
    }
    if (chance(15)) line = {"TURN", "k" + std::to_string(below(keys_)), "e0"};
    if (chance(1)) line.assign({"EFFECTS", "1", "big", "e", std::string(600'000, 'b'), "0", "0"});
    std::string id;
    if (ids_ > 0 && chance(50)) {
      id = "id" + std::to_string(below(ids_));
      line = commands_of_ids_.try_emplace(id, line).first->second;
    }
    node.run(line, id);
    if (chance(60)) end_turn(node);
  }

  void end_turn(TestNode& node) {
    const std::string entry = node.turn();
    if (entry.empty()) return;
    for (auto& one : tries_of(entry)) {
      if (tracing) note(one);
      model_.add(std::move(one));
    }
  }

  static std::string show_vector(const VersionVector& vector) {
    std::string text;
    for (const auto& part : vector.parts())
      text += " " + std::to_string(part.origin.value) + ":" + std::to_string(part.sequence);
    return text;
  }

  // For the eye, when one seed is run again.
  static void note(const eventual::testing::ModelTry& one) {
    std::string text = show_vector(one.seen);
    for (const auto& e : one.effects)
      text += " (" + std::to_string(static_cast<int>(e.kind)) + (e.fresh ? " fresh " : " ") +
              e.key + " " + e.element + " '" + e.text + "' " + std::to_string(e.number) + ")";
    std::fprintf(stderr, "%llu:%llu at %llu id '%s' saw%s\n",
                 static_cast<unsigned long long>(one.dot.origin.value),
                 static_cast<unsigned long long>(one.dot.sequence),
                 static_cast<unsigned long long>(one.stamp.time.value), one.id.c_str(),
                 text.c_str());
  }

  void move(TestLink& link) {
    for (auto& node : nodes_) {
      if (link.is_of(*node)) end_turn(*node);
    }
    if (away_ != nullptr && link.is_of(*away_)) return link.end();
    link.end_of_another_view();
    if (link.has_leftovers() && chance(60)) {
      const Status moved = link.deliver(true, below(2'000));
      if (!moved) failure_ = "a crashed node's connection failed: " + moved.error().message;
      return;
    }
    if (!link.is_up()) return link.connect();
    if (chance(40)) link.pump(chance(80) ? 100'000 : 200);
    if (chance(25)) link.tell();
    const Status moved = link.deliver(chance(60), chance(80) ? 1'000'000 : below(300));
    if (!moved) failure_ = "a connection failed: " + moved.error().message;
  }

  void crash(TestNode& node) {
    end_turn(node);
    const bool power = power_cuts_ && chance(40);
    // What is on the disk must never be lost.
    const VersionVector had = node.report().holdings.front().disk;
    node.crash(power);
    if (!node.replica().merged().includes(had)) failure_ = "a crash lost what was on the disk";
    durable_.merge(had);
    lose_links(node);
  }

  void lose_links(TestNode& node) {
    for (auto& link : links_) {
      if (!link->is_of(node)) continue;
      if (link->comes_from(node)) {
        link->sender_crashed();
        continue;
      }
      // The other end notices.
      for (auto& other : nodes_) {
        if (other.get() != &node && link->is_of(*other))
          other->replication().hears_no_more(node.name);
      }
      link->forget();
    }
  }

  bool equal() {
    for (auto& node : nodes_) {
      if (!(node->replica().merged() == nodes_[0]->replica().merged())) return false;
    }
    return true;
  }

  void settle() {
    away_ = nullptr;
    for (auto& node : nodes_) {
      end_turn(*node);
      node->log().sync_now();
      durable_.merge(node->report().holdings.front().disk);
    }
    Instant latest{};
    for (auto& node : nodes_)
      latest = std::max({latest, node->wall, node->replica().clock().wall()});
    for (auto& node : nodes_) node->wall = latest;
    bool done = false;
    for (int round = 0; round < 60 && failure_.empty() && !done; ++round) {
      for (auto& link : links_) {
        link->end_of_another_view();
        if (!link->is_up()) link->connect();
        link->tell();
        link->pump(SIZE_MAX);
        for (const bool forth : {true, false}) {
          if (!link->is_up()) break;
          const Status moved = link->deliver(forth, SIZE_MAX);
          if (!moved) failure_ = "a connection failed at the end: " + moved.error().message;
        }
      }
      for (auto& node : nodes_) {
        node->wall += Millis(100);
        if (node->replication().needs_checkpoint() && chance(50)) catch_up(*node);
        end_turn(*node);
        node->log().sync_now();
        while (node->replica().tidy(node->wall)) {
        }
      }
      done = equal() && folded();
    }
    if (!failure_.empty()) return;
    compare();
    if (failure_.empty() && !done) failure_ = "all are equal, but bookkeeping is left";
  }

  bool folded() {
    for (auto& node : nodes_) {
      node->replica().tidy(node->wall);
      if (node->replica().counters().unstable != 0) return false;
      if (node->replication().trimmable() < node->log().last()) return false;
    }
    return true;
  }

  void compare() {
    Instant now{};
    for (auto& node : nodes_) now = std::max({now, node->wall, node->replica().clock().wall()});
    const VersionVector& all = nodes_[0]->replica().merged();
    if (!all.includes(durable_)) failure_ = "what was on a disk is not everywhere";
    const ModelState expected = model_.evaluate(all, to_ms(now));
    for (auto& node : nodes_) {
      if (!(node->replica().merged() == all)) {
        failure_ = node->name +
                   " has not merged everything: " + show_vector(node->replica().merged()) + "; " +
                   nodes_[0]->name + " has " + show_vector(all);
        return;
      }
      const ModelState actual = state_of(node->table(), now);
      if (actual != expected) {
        failure_ = node->name + "\n  model:   " + show(expected) + "\n  replica: " + show(actual);
        return;
      }
      if (node->replica().digest(likes, now) != nodes_[0]->replica().digest(likes, now))
        failure_ = "digests differ";
      if (const auto mistake = node->replica().audit()) failure_ = *mistake;
    }
  }

  std::mt19937_64 random_;
  std::size_t keys_ = 0, ids_ = 0, breaks_ = 0;
  bool power_cuts_ = false, clocks_jump_ = false, lets_go_ = false;
  std::vector<std::unique_ptr<TestNode>> nodes_;
  std::vector<std::unique_ptr<TestLink>> links_;
  const TestNode* away_ = nullptr;  // nobody reaches it for a while
  std::map<std::string, Line> commands_of_ids_;
  VersionVector durable_;
  BruteForceModel model_;
  std::string failure_;
};

TEST(Replication, AllNodesComeToWhatTheModelSaysWhateverBreaks) {
  const auto [first, last] = eventual::testing::seeds(200);
  for (std::uint64_t seed = first; seed <= last; ++seed)
    ASSERT_EQ(World(seed).run(50 + seed % 500), "") << "HOLDFAST_SEED=" << seed;
}

const std::vector<std::string> three{"n0", "n1", "n2"};

// What came with a checkpoint is not in its log: another that lacks it is none to go on with.
TEST(Replication, ANodeBuildsOnNothingThatLacksWhatItBuiltOnBefore) {
  TestNode n0("n0", 1, three, 1), n1("n1", 2, three, 2), n2("n2", 3, three, 3);
  n2.run({"EFFECTS", "1", "k", "e", "from n2", "0", "0"}, {});
  n2.turn();
  n0.adopt(n2);
  EXPECT_TRUE(n0.replica().merged().includes(n2.replica().merged()));
  n1.run({"EFFECTS", "1", "k", "e", "from n1", "0", "0"}, {});
  n1.turn();
  EXPECT_FALSE(n0.may_adopt(n1));
  EXPECT_TRUE(n1.may_adopt(n0));
  n0.crash(false);
  EXPECT_FALSE(n0.may_adopt(n1)) << "after a start, too";
}

// Else bookkeeping would be kept, and the log, for as long as the clock was set back.
TEST(Replication, ANodeIsHeardWhoseClockWasSetBack) {
  TestNode n0("n0", 1, {"n0", "n1"}, 1), n1("n1", 2, {"n0", "n1"}, 2);
  TestLink forth(n0, n1), back(n1, n0);
  const auto exchange = [&] {
    for (int i = 0; i < 6; ++i) {
      for (TestNode* node : {&n0, &n1}) {
        node->wall += Millis(50);
        node->turn();
        node->log().sync_now();
      }
      for (TestLink* link : {&forth, &back}) {
        if (!link->is_up()) link->connect();
        link->tell();
        link->pump(SIZE_MAX);
        for (const bool way : {true, false}) {
          if (!link->is_up()) continue;  // its ends know of other members: it ended
          ASSERT_TRUE(link->deliver(way, SIZE_MAX));
        }
      }
    }
  };
  n1.wall += Millis(600'000);
  exchange();
  n1.wall -= Millis(600'000);
  n0.run({"EFFECTS", "1", "k", "e", "after that", "0", "0"}, {});
  exchange();
  EXPECT_TRUE(n1.replica().merged() == n0.replica().merged());
  n0.replica().tidy(n0.wall);
  EXPECT_EQ(n0.replica().counters().unstable, 0U) << "n1 wrote nothing, and is heard all the same";
}

// A power cut takes from it what it has only merged.
TEST(Replication, WhatAPeerHasMergedStaysInTheLogUntilItsDiskHasIt) {
  TestNode n0("n0", 1, {"n0", "n1"}, 1), n1("n1", 2, {"n0", "n1"}, 2);
  TestLink forth(n0, n1);
  const auto exchange = [&] {
    for (int i = 0; i < 4; ++i) {
      n0.wall += Millis(50);
      n1.wall += Millis(50);
      if (!forth.is_up()) forth.connect();
      forth.tell();
      forth.pump(SIZE_MAX);
      for (const bool way : {true, false}) ASSERT_TRUE(forth.deliver(way, SIZE_MAX));
    }
  };
  n0.run({"EFFECTS", "1", "k", "e", "text", "0", "0"}, {});
  n0.turn();
  n0.log().sync_now();
  exchange();
  EXPECT_TRUE(n1.replica().merged() == n0.replica().merged());
  EXPECT_LT(n0.replication().trimmable(), n0.log().last());
  n1.log().sync_now();
  exchange();
  EXPECT_EQ(n0.replication().trimmable(), n0.log().last());
}

TEST(Replication, WhatWasSentBeforeAnIncarnationEndedIsNotTakenAfterIt) {
  TestNode n0("n0", 1, three, 1), n1("n1", 2, three, 2);
  n1.run({"EFFECTS", "1", "k", "e", "text", "0", "0"}, {});
  const std::string entry = n1.turn();
  const eventual::View before = n0.replication().holdings().view();
  n0.replication().meet("n2", {33});
  n0.replication().remove("n2");
  EXPECT_FALSE(n0.replication().receive(before, entry));
  EXPECT_EQ(n0.replica().merged().at(n1.self()), 0U);
  EXPECT_TRUE(n0.replication().receive(n0.replication().holdings().view(), entry));
}

// Found by the simulator (seed 303557): n0 never heard of n2, so its end changed nothing that n0's
// view was made of; n1's word from before counted, n0 folded its increment, and n2's first
// increment, which came by way of n1 and had seen no key, took it away.
TEST(Replication, NoWordFromBeforeCountsWhenAMemberIsTakenOutThatWasNeverHeardOf) {
  TestNode n0("n0", 1, three, 1), n1("n1", 2, three, 2), n2("n2", 3, three, 3);
  TestLink forth(n0, n1), back(n1, n0), from_n2(n2, n1);
  const auto exchange = [&](const std::vector<TestLink*>& links) {
    for (int i = 0; i < 6; ++i) {
      for (TestNode* node : {&n0, &n1, &n2}) {
        node->wall += Millis(50);
        node->turn();
        node->log().sync_now();
      }
      for (TestLink* link : links) {
        if (!link->is_up()) link->connect();
        link->tell();
        link->pump(SIZE_MAX);
        for (const bool way : {true, false}) {
          if (!link->is_up()) continue;  // its ends know of other members: it ended
          ASSERT_TRUE(link->deliver(way, SIZE_MAX));
        }
      }
    }
  };
  n0.run({"EFFECTS", "2", "k", "", "", "1", "0"}, "a");
  exchange({&forth, &back});
  n2.run({"EFFECTS", "2", "k", "", "", "8", "0"}, "b");
  exchange({&from_n2});  // n1 has it, and n0 is cut off

  n0.replication().set_removals(1);
  n0.replication().remove("n2");
  n0.replica().tidy(n0.wall);
  EXPECT_GT(n0.replica().counters().unstable, 0U) << "n1 may have something of n2";

  n1.replication().set_removals(1);
  n1.replication().remove("n2");
  exchange({&forth, &back});
  exchange({&forth, &back});
  for (TestNode* node : {&n0, &n1}) {
    node->replica().tidy(node->wall);
    EXPECT_EQ(node->table().find("k", node->wall)->as_integer(), 9) << node->name;
    EXPECT_EQ(node->replica().counters().unstable, 0U) << node->name;
  }
}

/// A word of a node that has all of that on its disk, later than those before it.
Report has_all(TestNode& node, const VersionVector& all) {
  node.wall += Millis(1);
  Report report = node.report();
  report.merged = report.holdings.front().disk = all;
  return report;
}

TEST(Replication, ALogIsLetGoOfOnlyOnceAMajorityHasItAndKnows) {
  TestNode n0("n0", 1, three, 1), n1("n1", 2, three, 2);
  n0.run({"EFFECTS", "1", "k", "e", "text", "0", "0"}, {});
  n0.checkpoint();
  n0.report();
  const Position last = n0.log().last();
  const VersionVector all = n0.replica().merged();
  const auto let_go = [&] { return n0.replication().let_go(last, all); };
  EXPECT_EQ(let_go(), Position{}) << "nobody else has it";
  ASSERT_TRUE(n0.replication().heard(has_all(n1, all)));
  EXPECT_EQ(let_go(), Position{}) << "and it knows nothing of it";
  EXPECT_TRUE(n0.report().holdings.front().let_go.includes(all)) << "but is told";
  Report knows = has_all(n1, all);
  knows.holdings.front().let_go = all;
  ASSERT_TRUE(n0.replication().heard(knows));
  EXPECT_EQ(let_go(), last);
  EXPECT_TRUE(n0.report().trimmed.includes(all));
}

TEST(Replication, NobodyLetsGoWhileItLacksWhatAnotherLetsGoOf) {
  TestNode n0("n0", 1, three, 1), n1("n1", 2, three, 2);
  n0.run({"EFFECTS", "1", "k", "e", "text", "0", "0"}, {});
  n0.checkpoint();
  n0.report();
  const VersionVector all = n0.replica().merged();
  Report knows = has_all(n1, all);
  knows.holdings.front().let_go = all;
  knows.holdings.front().let_go.raise({3}, 1);  // as n2 has told it
  ASSERT_TRUE(n0.replication().heard(knows));
  EXPECT_EQ(n0.replication().let_go(n0.log().last(), all), Position{});
}

}  // namespace
}  // namespace holdfast::mesh::testing
