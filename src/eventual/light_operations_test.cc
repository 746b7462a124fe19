// SPDX-License-Identifier: Apache-2.0
// The books of light operations against plain lists, over random adding, forgetting, checkpoints
// that end well or not, and restarts. HOLDFAST_SEEDS=n runs n histories, HOLDFAST_SEED=s one.
// What light operations come to in a replica, histories_test.cc and merge_test.cc tell.
#include "eventual/light_operations.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <tuple>

#include "eventual/open_row_keys.h"
#include "eventual/test_lines.h"
#include "eventual/test_seeds.h"

namespace holdfast::eventual::testing {
namespace {

/// An effect, as far as these tests tell one from another.
struct Known {
  std::string key;
  Dot dot;
  std::int64_t number = 0;
  std::uint64_t id = 0;  // 0: none
  std::string reply;
  bool operator==(const Known&) const = default;
};

std::string show(const std::vector<Known>& all) {
  std::string out;
  for (const Known& one : all)
    out += fmt::format(" {}+{}({}:{}){}'{}'", one.key, one.number, one.dot.origin.value,
                       one.dot.sequence, one.id, one.reply);
  return out;
}

class Books {
 public:
  explicit Books(std::uint64_t seed) : random_(seed) {
    const std::vector<OriginId> members{OriginId{1}, OriginId{2}, OriginId{3}};
    stability_.set_members(members);
  }

  std::string run(int steps) {
    for (int i = 0; i < steps && failure_.empty(); ++i) {
      step();
      if (failure_.empty()) find();
      if (const auto mistake = light_->audit()) failure_ = *mistake;
      if (light_->effects() != known_.size()) failure_ = "the number of effects";
    }
    if (failure_.empty()) take_all();
    return failure_;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  std::string key() { return "k" + std::to_string(below(4)); }

  void step() {
    const std::size_t dice = below(100);
    if (dice < 60) return add();
    if (dice < 66) return discard(key());
    if (dice < 72) return take(key());
    if (dice < 82) return forget_stable();
    if (dice < 84) return drop();
    if (dice < 92) return checkpoint();
    if (dice < 96 && checkpointing_) return end_checkpoint(below(4) != 0);
    if (dice >= 98) restart();
  }

  void add() {
    const OriginId origin{1 + below(3)};
    if (seen_[origin] == nullptr || below(3) == 0) seen_[origin] = share(merged_);
    for (std::size_t n = 1 + below(3); n > 0; --n) {
      const Dot dot{origin, merged_.at(origin) + 1};
      merged_.raise(origin, dot.sequence);
      Known one{key(), dot, static_cast<std::int64_t>(below(1'000))};
      const bool has_room = known_of(one.key).size() < bounds.of_key_max;
      if (light_->has_room(likes, one.key) != has_room) failure_ = "how much a key has";
      if (!has_room) continue;
      if (below(3) == 0) one.id = 1 + below(6);
      if (std::ranges::any_of(known_, [&](const Known& other) { return other.id == one.id; }))
        one.id = 0;  // whoever uses one again takes the one before first
      if (one.id != 0 && below(4) != 0) one.reply = fmt::format(":{}", below(1'000));
      // What is answered may be known only later.
      const bool later = below(2) == 0;
      light_->add(likes,
                  {.dot = dot,
                   .time = HybridTime{dot.sequence},
                   .seen = seen_[origin],
                   .effect = {{.kind = EffectKind::add, .key = one.key, .number = one.number}},
                   .has_id = one.id != 0,
                   .id = id_key(one.id),
                   .fingerprint = one.id,
                   .reply = later ? std::string_view() : one.reply,
                   .reply_follows = later});
      if (one.id != 0 && later) light_->set_reply(one.reply);
      known_.push_back(one);
    }
  }

  std::vector<Known> known_of(const std::string& key) const {
    std::vector<Known> all;
    std::ranges::copy_if(known_, std::back_inserter(all),
                         [&](const Known& one) { return one.key == key; });
    return all;
  }
  void forget(const std::string& key) {
    std::erase_if(known_, [&](const Known& one) { return one.key == key; });
  }

  void discard(const std::string& key) {
    // Who asks is of an origin that had seen part of what is there.
    const OriginId origin{1 + below(3)};
    VersionVector seen;
    for (const auto& part : merged_.parts())
      if (below(3) != 0) seen.raise(part.origin, part.sequence);
    const auto all = known_of(key);
    const bool saw_all = std::ranges::all_of(
        all, [&](const Known& one) { return one.dot.origin == origin || seen.includes(one.dot); });
    if (light_->saw_all(likes, key, origin, seen) && !saw_all) failure_ = "what it did not see";
    if (!light_->saw_all(likes, key, origin, seen) && saw_all && all.size() < 30)
      failure_ = "what it saw";
    light_->discard(likes, key);
    forget(key);
  }

  static IdKey id_key(std::uint64_t id) { return {{id, ~id}}; }
  void find() {
    const std::uint64_t id = 1 + below(6);
    const auto key = light_->key_of(likes, id_key(id));
    const auto wanted = std::ranges::find(known_, id, &Known::id);
    if (key ? wanted == known_.end() || *key != wanted->key : wanted != known_.end())
      failure_ = fmt::format("id {} leads elsewhere", id);
    const bool any = std::ranges::any_of(known_, [](const Known& one) { return one.id != 0; });
    if (light_->has_ids(likes) != any) failure_ = "whether there are ids";
  }

  void take(const std::string& key) {
    std::vector<Known> taken;
    const LightOperations::Taken given = light_->take(likes, key);
    for (const auto& one : given.operations)
      taken.push_back({std::string(one.effect.effect.key), one.dot, one.effect.effect.number,
                       one.has_id ? one.id.hash.high : 0, std::string(one.reply)});
    const std::vector<Known> wanted = known_of(key);
    if (taken != wanted) failure_ = key + ": taken" + show(taken) + ", wanted" + show(wanted);
    forget(key);
  }
  void take_all() {
    for (int i = 0; i < 4 && failure_.empty(); ++i) take("k" + std::to_string(i));
  }

  void forget_stable() {
    for (std::uint64_t member = 1; member <= 3; ++member) {
      for (const auto& part : merged_.parts())
        acknowledged_.raise(part.origin, part.sequence - below(part.sequence / 8 + 1));
      stability_.acknowledged(OriginId{member}, acknowledged_, {}, {}, merged_);
    }
    while (light_->forget_stable(stability_, 1 + below(50))) {
    }
    // It forgets whole runs, from the first on.
    while (known_.size() > light_->effects()) {
      if (!stability_.is_stable(known_.front().dot)) {
        failure_ = "what is not stable was forgotten";
        return;
      }
      known_.erase(known_.begin());
    }
  }

  void drop() {
    if (below(4) != 0) return light_->drop(KeyspaceId{99});
    light_->drop(likes);
    known_.clear();
  }

  // -- As OpenState has its checkpoints written.

  void checkpoint() {
    if (!checkpointing_) {
      checkpointing_ = true;
      odd_.begin();
      light_->begin_checkpoint();
      rows_ = std::make_unique<CheckpointRows>();
      known_then_ = known_;
      return;
    }
    slice(below(6));
  }
  bool slice(std::size_t max) {
    const std::size_t odd = odd_.write(*rows_, max);
    if (odd >= max) return false;
    return light_->write_rows(max - odd, [&](const std::string& row_key, const std::string& row) {
      rows_->put(Family::open, row_key, row);
    }) < max - odd;
  }
  void end_checkpoint(bool committed) {
    while (!slice(5)) {
    }
    checkpointing_ = false;
    if (committed) {
      for (const std::string& prefix : rows_->erased_prefixes(Family::open))
        std::erase_if(store_, [&](const auto& row) { return row.first.starts_with(prefix); });
      for (const auto& [row_key, row] : rows_->rows(Family::open)) {
        if (row) {
          store_[std::string(row_key)] = *row;
        } else {
          store_.erase(std::string(row_key));
        }
      }
      stored_ = known_then_;
    }
    odd_.end(committed);
    light_->end_checkpoint(committed);
  }

  void restart() {
    odd_ = {};
    checkpointing_ = false;
    light_ = std::make_unique<LightOperations>(odd_, bounds);
    for (const auto& [row_key, row] : store_) {
      if (!light_->load(row_key, row)) failure_ = "a row is taken for damaged";
    }
    if (!light_->loaded()) failure_ = "the rows together are taken for damaged";
    known_ = stored_;
    seen_.clear();
    if (light_->effects() != known_.size())
      failure_ = fmt::format("{} rows of {} effects", light_->effects(), known_.size());
  }

  std::mt19937_64 random_;
  OddRows odd_;
  static constexpr LightOperations::Bounds bounds{.of_key_max = 12, .rows_worth_a_range = 3};
  std::unique_ptr<LightOperations> light_ = std::make_unique<LightOperations>(odd_, bounds);
  std::vector<Known> known_;
  VersionVector merged_, acknowledged_;
  std::map<OriginId, SharedVector> seen_;
  Stability stability_{OriginId{1}};

  bool checkpointing_ = false;
  std::unique_ptr<CheckpointRows> rows_;
  std::map<std::string, std::string> store_;
  std::vector<Known> known_then_, stored_;
  std::string failure_;
};

TEST(LightOperations, AreWhatPlainListsSay) {
  const auto [first, last] = seeds(300);
  for (std::uint64_t seed = first; seed <= last; ++seed)
    ASSERT_EQ(Books(seed).run(400), "") << "\nHOLDFAST_SEED=" << seed;
}

// Rows lie keyspace by keyspace, so an origin's operations come out of their order.
TEST(LightOperations, OfTwoKeyspacesAreKeptUntilEachIsStable) {
  const KeyspaceId first{7}, second{9};
  const OriginId origin{1};
  const auto seen = share({});
  OddRows odd;
  LightOperations light(odd);
  const auto add = [&](KeyspaceId keyspace, std::uint64_t sequence) {
    light.add(keyspace, {.dot = {origin, sequence},
                         .time = HybridTime{sequence},
                         .seen = seen,
                         .effect = {{.kind = EffectKind::add, .key = "k", .number = 1}}});
  };
  for (std::uint64_t sequence = 1; sequence <= 10; ++sequence) add(second, sequence);
  add(first, 11);
  std::map<std::string, std::string> rows;
  light.begin_checkpoint();
  light.write_rows(100, [&](const std::string& key, const std::string& row) { rows[key] = row; });

  LightOperations loaded(odd);
  for (const auto& [key, row] : rows) ASSERT_TRUE(loaded.load(key, row));
  ASSERT_TRUE(loaded.loaded());
  loaded.begin_checkpoint();
  EXPECT_EQ(loaded.write_rows(100, [](const auto&, const auto&) {}), 0u) << "they have rows";
  loaded.end_checkpoint(true);
  EXPECT_EQ(loaded.audit(), std::nullopt);
  VersionVector merged, acknowledged;
  merged.raise(origin, 11);
  acknowledged.raise(origin, 10);
  Stability stability(origin);
  const std::vector<OriginId> members{origin, OriginId{2}};
  stability.set_members(members);
  for (const OriginId member : members)
    stability.acknowledged(member, acknowledged, {}, {}, merged);
  while (loaded.forget_stable(stability, 1)) {
  }
  EXPECT_FALSE(loaded.has_none(first, "k"));
  stability.acknowledged(members[0], merged, {}, {}, merged);
  stability.acknowledged(members[1], merged, {}, {}, merged);
  while (loaded.forget_stable(stability, 1)) {
  }
  EXPECT_TRUE(loaded.empty());
}

// By which a node knows when one is due.
TEST(LightOperations, SayHowMuchACheckpointWouldWrite) {
  OddRows odd;
  LightOperations light(odd);
  const auto seen = share({});
  const auto add = [&](std::uint64_t sequence) {
    light.add(likes, {.dot = {OriginId{1}, sequence},
                      .seen = seen,
                      .effect = {{.kind = EffectKind::add, .key = "k", .number = 1}}});
  };
  const auto checkpoint = [&](bool committed) {
    light.begin_checkpoint();
    const std::size_t rows = light.write_rows(100, [](const auto&, const auto&) {});
    add(1'000 + light.effects());
    light.end_checkpoint(committed);
    return rows;
  };
  for (std::uint64_t sequence = 1; sequence <= 10; ++sequence) add(sequence);
  EXPECT_EQ(light.rows_to_write(), 10u);
  EXPECT_EQ(checkpoint(true), 10u);
  EXPECT_EQ(light.rows_to_write(), 1u) << "what came meanwhile";
  EXPECT_EQ(checkpoint(false), 1u);
  EXPECT_EQ(light.rows_to_write(), 12u) << "as far as is known";
  EXPECT_EQ(checkpoint(true), 2u);
  add(3'000);
  EXPECT_EQ(light.rows_to_write(), 2u);
  light.discard(likes, "k");
  EXPECT_EQ(light.rows_to_write(), 0u) << "what has gone is not written";
}

// Of a key that is written over and over while somebody is away little stays.
TEST(LightOperations, WhatIsWrittenOverIsGivenBack) {
  OddRows odd;
  LightOperations light(odd);
  const auto seen = share({});
  const std::string text(100, 'x');
  std::size_t most = 0;
  for (std::uint64_t sequence = 1; sequence <= 100'000; ++sequence) {
    light.discard(likes, "k");
    light.add(likes, {.dot = {OriginId{1}, sequence},
                      .time = HybridTime{sequence},
                      .seen = seen,
                      .effect = {{.kind = EffectKind::put_string, .key = "k", .text = text}}});
    most = std::max(most, light.bytes());
  }
  EXPECT_EQ(light.effects(), 1u);
  EXPECT_LT(most, 2'000'000u);
  EXPECT_EQ(light.audit(), std::nullopt);
}

}  // namespace
}  // namespace holdfast::eventual::testing
