// SPDX-License-Identifier: Apache-2.0
#include "server/tracking.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace holdfast::server {
namespace {

/// A cache that obeys.
class Cache final : public CacheHolder {
 public:
  explicit Cache(std::uint64_t id) : id_(id) {}
  std::uint64_t writer_id() const override { return id_; }
  void forget_keys(std::span<const std::string_view> keys) override {
    for (const std::string_view key : keys) {
      kept.erase(std::string(key));
      told.insert(std::string(key));
    }
  }
  void forget_all() override {
    kept.clear();
    told.insert("(all)");
  }
  void cut(std::string_view) override { is_cut = true; }
  std::set<std::string> take() { return std::exchange(told, {}); }

  std::map<std::string, int> kept;
  std::set<std::string> told;
  bool is_cut = false;

 private:
  std::uint64_t id_;
};

using Keys = std::set<std::string>;

TEST(Tracking, TellsWhoReadAKeyOnceItChanges) {
  Tracking tracking;
  Cache a(1), b(2);
  ASSERT_TRUE(tracking.begin(a, {}));
  ASSERT_TRUE(tracking.begin(b, {}));
  tracking.reads(a, "x");
  tracking.reads(a, "x");
  tracking.reads(b, "y");
  tracking.changed("x");
  EXPECT_TRUE(a.told.empty()) << "only tell() tells";
  tracking.tell();
  EXPECT_EQ(a.take(), Keys{"x"});
  EXPECT_EQ(b.take(), Keys{});
  tracking.changed("x");
  tracking.tell();
  EXPECT_EQ(a.take(), Keys{}) << "it has not read it since";
  tracking.cleared();
  tracking.tell();
  EXPECT_EQ(b.take(), Keys{"(all)"});
  EXPECT_EQ(tracking.keys(), 0u);
}

TEST(Tracking, CountsTheKeysOfEachKeyspace) {
  Tracking tracking;
  Cache cache(1);
  ASSERT_TRUE(tracking.begin(cache, {}));
  for (const char* const key : {"likes:1", "likes:2", "likes:1", "other"})
    tracking.reads(cache, key);
  EXPECT_EQ(tracking.keys_of("likes"), 2u);
  tracking.changed("likes:1");
  EXPECT_EQ(tracking.keys_of("likes"), 1u);
  tracking.cleared();
  tracking.tell();
  EXPECT_EQ(tracking.keys_of("likes"), 0u);
}

TEST(Tracking, BroadcastsWhatLiesUnderAPrefixReadOrNot) {
  Tracking tracking;
  Cache some(1), all(2);
  ASSERT_TRUE(tracking.begin(some, {.broadcasts = true, .prefixes = {"user:", "object:"}}));
  ASSERT_TRUE(tracking.begin(all, {.broadcasts = true}));
  EXPECT_EQ(tracking.prefixes(), 3u);
  for (const char* const key : {"user:1", "use", "object:", "other"}) tracking.changed(key);
  tracking.tell();
  EXPECT_EQ(some.take(), (Keys{"user:1", "object:"}));
  EXPECT_EQ(all.take(), (Keys{"user:1", "use", "object:", "other"}));
}

TEST(Tracking, PrefixesOfOneHolderDoNotOverlap) {
  Tracking tracking;
  Cache cache(1);
  EXPECT_FALSE(tracking.begin(cache, {.broadcasts = true, .prefixes = {"a", "ab"}}));
  EXPECT_EQ(tracking.mode_of(cache), nullptr);
  EXPECT_TRUE(tracking.begin(cache, {.broadcasts = true, .prefixes = {"a", "b"}}));
  EXPECT_FALSE(tracking.begin(cache, {.broadcasts = true, .prefixes = {"bc"}}));
  EXPECT_TRUE(tracking.begin(cache, {.broadcasts = true, .prefixes = {"c"}}));
  EXPECT_EQ(tracking.mode_of(cache)->prefixes.size(), 3u);
}

TEST(Tracking, WhoDoesNotWantToHearOfItsOwnChangesDoesNot) {
  Tracking tracking;
  Cache mine(1), others(2);
  ASSERT_TRUE(tracking.begin(mine, {.no_loop = true}));
  ASSERT_TRUE(tracking.begin(others, {}));
  for (Cache* const cache : {&mine, &others}) tracking.reads(*cache, "x");
  tracking.set_writer(1);
  tracking.changed("x");
  tracking.set_writer(0);
  tracking.tell();
  EXPECT_EQ(mine.take(), Keys{});
  EXPECT_EQ(others.take(), Keys{"x"});
  tracking.reads(mine, "x");
  tracking.changed("x");
  tracking.tell();
  EXPECT_EQ(mine.take(), Keys{"x"});
}

TEST(Tracking, WhoHasGoneIsNotTold) {
  Tracking tracking;
  Cache stays(1);
  ASSERT_TRUE(tracking.begin(stays, {}));
  {
    Cache goes(2);
    ASSERT_TRUE(tracking.begin(goes, {}));
    tracking.reads(goes, "x");
    tracking.changed("x");
    tracking.reads(goes, "y");
    tracking.end(goes);
  }
  tracking.changed("y");
  tracking.tell();
  tracking.end(stays);
  EXPECT_FALSE(tracking.any());
  EXPECT_EQ(tracking.keys(), 0u);
}

TEST(Tracking, PastItsLimitKeysAreToldOfAsIfTheyHadChanged) {
  Tracking tracking(10);
  Cache cache(1);
  ASSERT_TRUE(tracking.begin(cache, {}));
  for (int i = 0; i < 25; ++i) tracking.reads(cache, "key" + std::to_string(i));
  tracking.tell();
  EXPECT_EQ(tracking.keys(), 10u);
  EXPECT_EQ(cache.take().size(), 15u);
  EXPECT_EQ(tracking.counters().evicted, 15u);
}

// Whatever is read, written, cleared and forgotten: a cache holds only what is there.
RC_GTEST_PROP(Tracking, WhatACacheThatObeysHoldsIsNeverOld, (std::uint32_t seed)) {
  std::mt19937 random(seed);
  const auto draw = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  Tracking tracking(1 + draw(12));
  std::map<std::string, int> table;
  std::vector<std::unique_ptr<Cache>> caches;
  std::vector<TrackingMode> modes;
  std::uint64_t last_id = 0;
  int value = 0;
  const auto add = [&] {
    TrackingMode mode{.broadcasts = draw(3) == 0, .no_loop = draw(3) == 0};
    if (mode.broadcasts && draw(2) == 0) mode.prefixes = {"a", "b"};
    caches.push_back(std::make_unique<Cache>(++last_id));
    RC_ASSERT(tracking.begin(*caches.back(), mode).has_value());
    modes.push_back(std::move(mode));
  };
  add();
  for (int step = 0; step < 400; ++step) {
    const std::string key = std::string(1, "abc"[draw(3)]) + std::to_string(draw(6));
    const std::size_t who = draw(static_cast<std::uint32_t>(caches.size()));
    switch (draw(12)) {
      case 0:
        if (caches.size() < 5) add();
        break;
      case 1:
        if (caches.size() == 1) break;
        tracking.end(*caches[who]);
        caches.erase(caches.begin() + who);
        modes.erase(modes.begin() + who);
        break;
      case 2:
        table.clear();
        tracking.cleared();
        tracking.tell();
        break;
      case 3:
      case 4:
      case 5: {
        // Its own cache it sees to itself where it asked not to be told.
        table[key] = ++value;
        tracking.set_writer(caches[who]->writer_id());
        tracking.changed(key);
        tracking.set_writer(0);
        if (modes[who].no_loop) caches[who]->kept.erase(key);
        if (draw(3) > 0) tracking.tell();
        break;
      }
      default: {
        tracking.tell();
        if (modes[who].broadcasts && !modes[who].prefixes.empty() && key[0] == 'c') break;
        tracking.reads(*caches[who], key);
        tracking.tell();
        caches[who]->kept[key] = table.contains(key) ? table[key] : 0;
      }
    }
    tracking.tell();
    RC_ASSERT(tracking.keys() <= 12u);
    for (const auto& cache : caches) {
      for (const auto& [kept, number] : cache->kept)
        RC_ASSERT(number == (table.contains(kept) ? table[kept] : 0));
    }
  }
}

}  // namespace
}  // namespace holdfast::server
