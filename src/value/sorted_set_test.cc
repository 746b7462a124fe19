// SPDX-License-Identifier: Apache-2.0
#include "value/sorted_set.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "value/test_recorder.h"

namespace holdfast {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// -- The order by itself, beside a vector

std::vector<std::uint32_t> all_of(const ScoreOrder& order) {
  return order.slice(0, order.size());
}

// Long histories of few kinds: growing at random, at the end, at the front, and shrinking, so
// that nodes split, join and go on every level.
RC_GTEST_PROP(ScoreOrder, IsAVectorWhateverHappens, (std::uint32_t seed)) {
  std::mt19937 random(seed);
  ScoreOrder order;
  std::vector<std::uint32_t> model;
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int phase = 0; phase < 8; ++phase) {
    const auto kind = below(5);
    for (std::size_t left = below(6'000); left > 0; --left) {
      const auto place = static_cast<std::uint32_t>(random());
      const auto at = [&](std::size_t i) { return model.begin() + static_cast<std::ptrdiff_t>(i); };
      if (kind < 3) {
        const std::size_t rank = kind == 0 ? below(model.size() + 1) : kind == 1 ? model.size() : 0;
        order.insert(rank, {1.5, place});
        model.insert(at(rank), place);
      } else if (!model.empty()) {
        // The last kind leaves the ends: what empties is in the middle.
        const std::size_t rank = kind == 3 ? below(model.size()) : model.size() / 2;
        order.erase(rank);
        model.erase(at(rank));
      }
      if (!model.empty() && below(8) == 0) {
        const std::size_t rank = below(model.size());
        order.renumber(rank, place);
        *at(rank) = place;
      }
    }
    RC_ASSERT(order.size() == model.size());
    RC_ASSERT(all_of(order) == model);
    for (int i = 0; i < 20; ++i) {
      const std::size_t rank = below(model.size() + 1);
      const std::size_t n = below(model.size() - rank + 1);
      const auto from = model.begin() + static_cast<std::ptrdiff_t>(rank);
      RC_ASSERT(order.slice(rank, n) == std::vector(from, from + static_cast<std::ptrdiff_t>(n)));
    }
  }
}

// A search trusts the copies of first entries in inner nodes: one that is stale finds wrong.
RC_GTEST_PROP(ScoreOrder, CountsWhatLiesBeforeOnEveryLevel, (std::uint32_t seed)) {
  std::mt19937 random(seed);
  ScoreOrder order;
  std::vector<std::uint32_t> model;  // ascending
  for (int i = 0; i < 12'000; ++i) {
    const bool grows = i < 8'000;
    const auto number = static_cast<std::uint32_t>(random() % 1'000'000);
    const auto found = std::ranges::lower_bound(model, number);
    const auto rank = static_cast<std::size_t>(found - model.begin());
    RC_ASSERT(order.count([&](ScoreOrder::Entry entry) { return entry.place() < number; }) == rank);
    if (grows) {
      order.insert(rank, {0, number});
      model.insert(found, number);
    } else if (rank < model.size()) {
      order.erase(rank);
      model.erase(found);
    }
  }
  RC_ASSERT(all_of(order) == model);
}

TEST(ScoreOrder, TakesManyAtOnceAndGoesOnFromThere) {
  for (const std::size_t size : {0, 1, 63, 64, 65, 4'096, 4'097, 300'000}) {
    std::vector<ScoreOrder::Entry> entries;
    std::vector<std::uint32_t> model;
    for (std::uint32_t i = 0; i < size; ++i) {
      entries.emplace_back(i, i);
      model.push_back(i);
    }
    ScoreOrder order;
    order.insert(0, {7, 7});  // is replaced
    order.assign(entries);
    EXPECT_EQ(all_of(order), model);
    for (std::size_t rank = 0; rank <= size; rank += size / 5 + 1) {
      order.insert(rank, {0, 99});
      model.insert(model.begin() + static_cast<std::ptrdiff_t>(rank), 99);
    }
    EXPECT_EQ(all_of(order), model);
  }
}

// Growing scores are common (times), so are random ones; what each takes is bounded.
TEST(ScoreOrder, TakesLittleMemory) {
  constexpr std::size_t size = 100'000;
  ScoreOrder growing;
  ScoreOrder scattered;
  std::mt19937 random(1);
  for (std::size_t i = 0; i < size; ++i) {
    growing.insert(i, {0, 0});
    scattered.insert(random() % (i + 1), {0, 0});
  }
  EXPECT_LT(growing.heap_bytes(), size * 16);
  EXPECT_LT(scattered.heap_bytes(), size * 22);
  for (std::size_t i = size; i > size / 50; --i) scattered.erase(random() % i);
  EXPECT_LT(scattered.heap_bytes(), size / 50 * 80) << "nodes that are nearly empty are joined";
}

// -- The set, beside a plain one

struct Model {
  std::vector<std::pair<std::string, double>> places;

  auto find(const std::string& member) {
    return std::ranges::find(places, member, [](const auto& one) { return one.first; });
  }
  std::vector<std::string> in_order() const {
    auto sorted = places;
    std::ranges::sort(sorted, [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second < b.second : a.first < b.first;
    });
    std::vector<std::string> members;
    members.reserve(sorted.size());
    for (const auto& one : sorted) members.push_back(one.first);
    return members;
  }
};

std::vector<std::string> in_order(const SortedSet& set) {
  std::vector<std::string> members;
  for (const auto place : set.slice(0, set.size())) members.emplace_back(set.member_at(place));
  return members;
}

std::vector<std::pair<std::string, double>> by_place(const SortedSet& set) {
  std::vector<std::pair<std::string, double>> all;
  for (std::size_t i = 0; i < set.size(); ++i) all.emplace_back(set.member_at(i), set.score_at(i));
  return all;
}

// Places and the order both follow from the operations alone: that is what lets two nodes
// answer alike. -0 and 0 are one score, and members of one score lie by their bytes.
RC_GTEST_PROP(
    SortedSet, IsAPlainOneWithPlacesRanksAndRanges,
    (const std::vector<std::tuple<std::uint8_t, std::uint8_t, std::int8_t>>& operations)) {
  const std::vector<double> scores{-infinity, -1.5, -0.0, 0, 1, 2, 3, infinity};
  SortedSet set;
  Model model;
  for (const auto& [what, name, number] : operations) {
    const std::string member(1 + name % 2, static_cast<char>(name % 40 * 7));
    const double score = scores[static_cast<std::size_t>(number & 7)];
    const auto at = model.find(member);
    if (what % 3 != 0) {
      RC_ASSERT(set.put(member, score) == (at == model.places.end()));
      if (at == model.places.end()) {
        model.places.emplace_back(member, score);
      } else if (at->second != score) {
        at->second = score;
      }
    } else {
      RC_ASSERT(set.erase(member) == (at != model.places.end()));
      if (at != model.places.end()) {
        *at = model.places.back();
        model.places.pop_back();
      }
    }
  }
  RC_ASSERT(by_place(set) == model.places);
  const auto sorted = model.in_order();
  RC_ASSERT(in_order(set) == sorted);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    RC_ASSERT(set.rank(sorted[i]) == i);
    RC_ASSERT(set.score(sorted[i]) == model.find(sorted[i])->second);
  }
  RC_ASSERT(!set.score("never put") && !set.rank("never put"));
  for (const double score : scores) {
    const auto count = [&](auto is) { return std::ranges::count_if(model.places, is); };
    RC_ASSERT(set.count_below(score, false) ==
              static_cast<std::size_t>(count([&](auto& one) { return one.second < score; })));
    RC_ASSERT(set.count_below(score, true) ==
              static_cast<std::size_t>(count([&](auto& one) { return one.second <= score; })));
  }
}

RC_GTEST_PROP(SortedSet, OfOneScoreIsInTheOrderOfBytes,
              (const std::set<std::string>& members, const std::string& sought)) {
  SortedSet set;
  for (const std::string& member : members) set.put(member, 1);
  RC_ASSERT(in_order(set) == std::vector<std::string>(members.begin(), members.end()));
  const auto before = std::distance(members.begin(), members.lower_bound(sought));
  RC_ASSERT(set.count_before(sought, false) == static_cast<std::size_t>(before));
  RC_ASSERT(set.count_before(sought, true) ==
            static_cast<std::size_t>(before) + members.count(sought));
}

TEST(SortedSet, OfManyIsWhatOneByOneMakes) {
  std::vector<Scored> members;
  SortedSet one_by_one;
  for (int i = 0; i < 5'000; ++i) {
    const std::string member = "member " + std::to_string(i * 7919 % 5'000);
    members.push_back({SmallString(member), static_cast<double>(i % 100)});
    one_by_one.put(member, i % 100);
  }
  const auto together = SortedSet::of(std::move(members));
  ASSERT_NE(together, nullptr);
  EXPECT_EQ(by_place(*together), by_place(one_by_one));
  EXPECT_EQ(in_order(*together), in_order(one_by_one));
}

TEST(SortedSet, OfAMemberTwiceThereIsNone) {
  std::vector<Scored> members;
  members.push_back({SmallString("a"), 1});
  members.push_back({SmallString("a"), 2});
  EXPECT_EQ(SortedSet::of(std::move(members)), nullptr);
}

RC_GTEST_PROP(SortedSet, ComesBackAsItWasWhereAllIsUndone, (std::uint32_t seed)) {
  struct Undo final : TestRecorder {
    void score_put(SortedSet& set, std::string_view member, std::optional<double> old) override {
      steps.emplace_back([&set, member = std::string(member), old] {
        old ? set.put(member, *old) : set.erase(member);
      });
    }
    void score_erased(SortedSet& set, std::size_t place) override {
      steps.emplace_back([&set, place, member = std::string(set.member_at(place)),
                          score = set.score_at(place)] { set.restore(place, member, score); });
    }
  };
  std::mt19937 random(seed);
  SortedSet set;
  const auto change = [&] {
    const std::string member = "m" + std::to_string(random() % 200);
    random() % 3 == 0 ? set.erase(member) : set.put(member, static_cast<double>(random() % 20));
  };
  for (int i = 0; i < 300; ++i) change();
  const auto places = by_place(set);
  const auto order = in_order(set);
  Undo undo;
  Recorder::of_thread = &undo;
  for (int i = 0; i < 200; ++i) change();
  undo.take_back();
  RC_ASSERT(by_place(set) == places);
  RC_ASSERT(in_order(set) == order);
}

TEST(SortedSet, HasNoScoreThatIsNoNumber) {
  SortedSet set;
  EXPECT_DEATH(set.put("a", std::numeric_limits<double>::quiet_NaN()), "isnan");
}

}  // namespace
}  // namespace holdfast
