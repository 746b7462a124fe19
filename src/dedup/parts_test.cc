// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "dedup/arena.h"
#include "dedup/filter.h"
#include "dedup/index.h"
#include "dedup/window.h"

namespace holdfast::dedup {
namespace {

std::uint64_t hash_of(std::uint64_t n) {
  return (n + 1) * 0x9E3779B97F4A7C15;
}

// -- Index

/// Finds `ref` under the hash, if it is there.
bool has(const Index& index, std::uint64_t hash, Ref ref) {
  return index.find(hash, [&](Ref there) { return there == ref; }) == ref;
}

TEST(Index, FindsEverythingWhileItGrowsAndSplits) {
  Index index;
  constexpr Ref count = 200'000;
  for (Ref n = 1; n <= count; ++n) {
    index.insert(hash_of(n), n);
    if (n % 10'007 == 0) {
      for (Ref m = 1; m <= n; m += 97) ASSERT_TRUE(has(index, hash_of(m), m));
    }
  }
  for (Ref n = 1; n <= count; ++n) ASSERT_TRUE(has(index, hash_of(n), n));
  for (Ref n = 1; n <= count; ++n) ASSERT_FALSE(has(index, hash_of(n + count), n + count));
  EXPECT_EQ(index.size(), count);
  // Eight bytes each and a quarter more, or so.
  EXPECT_LT(static_cast<double>(index.memory_bytes()) / count, 11.5);
}

TEST(Index, TenThousandEqualHashesAreOnlySlow) {
  Index index;
  for (Ref n = 1; n <= 10'000; ++n) index.insert(42, n);
  EXPECT_TRUE(has(index, 42, 1));
  EXPECT_TRUE(has(index, 42, 10'000));
  EXPECT_FALSE(has(index, 42, 10'001));
  EXPECT_FALSE(has(index, 43, 1));
  EXPECT_TRUE((index.insert(7, 10'001), has(index, 7, 10'001)));
}

TEST(Index, RepointingMovesOnePlaceOnly) {
  Index index;
  for (Ref n = 1; n <= 100; ++n) index.insert(hash_of(n), n);
  index.repoint(hash_of(50), 50, 1050);
  EXPECT_FALSE(has(index, hash_of(50), 50));
  EXPECT_TRUE(has(index, hash_of(50), 1050));
  EXPECT_TRUE(has(index, hash_of(51), 51));
  EXPECT_EQ(index.size(), 100U);
}

TEST(Index, AnEmptyOneIsSmall) {
  EXPECT_LE(Index().memory_bytes(), 128U);
}

RC_GTEST_PROP(Index, IsAMultimapWhateverTheHashes, ()) {
  Index index;
  std::multimap<std::uint64_t, Ref> model;
  const auto few = *rc::gen::element<std::uint64_t>(3, 100, ~std::uint64_t{0});
  const int count = *rc::gen::inRange(0, 3000);
  for (Ref n = 1; n <= static_cast<Ref>(count); ++n) {
    // Few distinct hashes crowd a bucket, hashes alike in their low bits split pages deeply.
    const std::uint64_t hash = (hash_of(n) % few) << (n % 3 == 0 ? 20 : 0);
    index.insert(hash, n);
    model.emplace(hash, n);
  }
  for (const auto& [hash, ref] : model) RC_ASSERT(has(index, hash, ref));
  RC_ASSERT(index.size() == model.size());
}

// -- Arena

TEST(Arena, WalksWhatWasAppendedAcrossChunks) {
  Arena arena;
  const std::uint64_t begin = arena.end();
  std::vector<std::string> replies;
  for (std::uint64_t n = 0; n < 5000; ++n) {
    replies.push_back(std::string(n % 300 * (n % 11 == 0 ? 10 : 1), 'r') + "\r\n");
    arena.append({n, n}, n, instant_from_ms(static_cast<std::int64_t>(n)), n % 2 == 0, replies[n]);
  }
  const Arena::Range all{begin, arena.end(), 5000};
  std::uint64_t n = 0;
  const auto meet = [&](const Entry& entry, Ref ref) {
    std::string reply;
    entry.append_reply(reply);
    ASSERT_EQ(entry.hash, (Hash128{n, n}));
    ASSERT_EQ(reply, replies[n]);
    ASSERT_EQ(entry.voided, n % 2 == 0);
    ASSERT_TRUE(arena.is(ref, entry.hash));
    ++n;
  };
  arena.walk(all, meet);
  EXPECT_EQ(n, 5000U);

  const Entries then = arena;
  for (std::uint64_t more = 0; more < 5000; ++more)
    arena.append({more, 0}, 0, instant_from_ms(1), false, "+OK\r\n");
  n = 0;
  then.walk(all, meet);
  EXPECT_EQ(n, 5000U) << "of what was there when it was copied";
}

TEST(Arena, AnEntryWithAnIntegerTakes34Bytes) {
  Arena arena;
  const std::uint64_t begin = arena.end();
  arena.append({1, 2}, 3, instant_from_ms(4), false, ":1234\r\n");
  EXPECT_EQ(arena.end() - begin, 34U);
}

// -- Filter

TEST(Filter, NeverDeniesWhatWasAddedAndSeldomPassesAStranger) {
  constexpr std::uint64_t count = 100'000;
  Filter filter(count);
  for (std::uint64_t n = 0; n < count; ++n) filter.add(hash_of(n));
  for (std::uint64_t n = 0; n < count; ++n) ASSERT_TRUE(filter.may_have(hash_of(n)));
  std::uint64_t passed = 0;
  for (std::uint64_t n = count; n < 2 * count; ++n) passed += filter.may_have(hash_of(n));
  EXPECT_LT(passed, count / 500);
  EXPECT_LE(filter.memory_bytes(), count * 2 + 32);
  Filter again(count);
  for (std::size_t at = 0; at < filter.memory_bytes(); at += 1000) {
    ASSERT_TRUE(again.restore(at, filter.bytes().substr(at, 1000)));
  }
  EXPECT_EQ(again.bytes(), filter.bytes());
}

TEST(Filter, ForAnyNumberOfIdsHasRoom) {
  EXPECT_TRUE(Filter().empty());
  EXPECT_EQ(Filter(0).memory_bytes(), 32U);
  Filter filter(1);
  EXPECT_FALSE(filter.restore(1, filter.bytes()));
  EXPECT_FALSE(filter.restore(~std::size_t{0}, "x"));
}

// -- Window

TEST(Window, CountsAnIdUntilSoonAfterItsWindow) {
  Window window;
  window.set_retain(Millis(256'000));  // buckets of 512 ms
  window.add(instant_from_ms(1'000'000), 50);
  window.expire(instant_from_ms(1'255'999));
  EXPECT_EQ(window.ids(), 1U);
  window.expire(instant_from_ms(1'257'000));
  EXPECT_EQ(window.ids(), 0U);
  EXPECT_EQ(window.bytes(), 0U);
}

TEST(Window, BucketsAreFewWhateverTheWindow) {
  for (const std::int64_t retain : {1LL, 1000LL, 259'200'000LL, 315'360'000'000LL}) {
    Window window;
    window.set_retain(Millis(retain));
    for (std::int64_t i = 0; i < 10'000; ++i) {
      window.add(instant_from_ms(1'000'000'000 + retain * i / 10'000), 1);
    }
    std::string bytes;
    window.encode(bytes);
    EXPECT_LT(bytes.size(), 10'000U);
  }
}

RC_GTEST_PROP(Window, CountsEveryIdInItsWindowAndNoneLongPast, ()) {
  Window window;
  Millis retain{*rc::gen::inRange(1, 100'000)};
  window.set_retain(retain);
  std::multimap<std::int64_t, std::uint64_t> model;  // by time
  std::int64_t now = 1'000'000;
  const int steps = *rc::gen::inRange(0, 200);
  for (int i = 0; i < steps; ++i) {
    now += *rc::gen::inRange<std::int64_t>(0, retain.count() / 10 + 2);
    const std::int64_t at = now - *rc::gen::inRange<std::int64_t>(0, 50);
    const auto bytes = *rc::gen::inRange<std::uint64_t>(48, 100);
    window.add(instant_from_ms(at), bytes);
    model.emplace(at, bytes);
    if (*rc::gen::arbitrary<bool>()) continue;
    window.expire(instant_from_ms(now));
    std::uint64_t live = 0;
    std::uint64_t live_or_just_gone = 0;
    for (const auto& [time, its] : model) {
      if (time > now - retain.count()) live += its;
      if (time > now - retain.count() - retain.count() / 256 - 1) live_or_just_gone += its;
    }
    RC_ASSERT(window.bytes() >= live);
    RC_ASSERT(window.bytes() <= live_or_just_gone);
  }
}

}  // namespace
}  // namespace holdfast::dedup
