// SPDX-License-Identifier: Apache-2.0
#include "table/slot.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <random>
#include <set>

namespace holdfast::table {
namespace {

/// Keys of one slot.
std::vector<std::string> keys_of_slot(std::size_t count) {
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < count; ++i) {
    std::string key = "key" + std::to_string(i);
    if (hash_of(key) >> (64 - slot_bits) == 1023) keys.push_back(std::move(key));
  }
  return keys;
}

std::uint32_t put(Slot& slot, std::string_view key, std::int64_t number) {
  return slot.insert(Entry{SmallString(key), Value::integer(number)}, hash_of(key));
}

/// What walks in steps meet, in the order met; each step's stretch must follow
/// the one before and hold exactly what lies in it.
std::set<std::string> walked(const Slot& slot, std::size_t step) {
  std::set<std::string> names;
  std::uint64_t from = ~std::uint64_t{0} << (64 - slot_bits);
  std::vector<Slot::Met> met;
  for (;;) {
    met.clear();
    const std::uint64_t last = slot.collect(from, step, met);
    RC_ASSERT(last >= from);
    for (const Slot::Met& each : met) {
      const std::string_view key = slot.at(each.place).key.view();
      RC_ASSERT(each.hash == hash_of(key));
      if (each.hash > last) continue;  // for a later step
      RC_ASSERT(each.hash >= from);
      RC_ASSERT(names.insert(std::string(key)).second);
    }
    from = last + 1;
    if (from == 0) return names;
  }
}

RC_GTEST_PROP(Slot, IsAPlainMapAndAWalkInStepsMeetsEveryEntryOnce, (std::uint32_t seed)) {
  static const std::vector<std::string> keys = keys_of_slot(300);
  std::mt19937 random(seed);
  const std::size_t range = 1 + random() % keys.size();
  Slot slot;
  std::map<std::string, std::int64_t> model;
  for (int i = 0; i < 1'000; ++i) {
    const std::string& key = keys[random() % range];
    const std::uint64_t hash = hash_of(key);
    const std::uint32_t place = slot.find(key, hash);
    RC_ASSERT((place != Slot::none) == model.contains(key));
    if (place == Slot::none) {
      put(slot, key, i);
      model[key] = i;
    } else {
      RC_ASSERT(slot.at(place).value.as_integer() == model[key]);
      if (random() % 2 == 0) {
        slot.erase(place, hash);
        model.erase(key);
      }
    }
    if (random() % 100 == 0) slot.shrink();
    if (random() % 100 == 0) slot.reserve(random() % 400);
  }
  RC_ASSERT(slot.size() == model.size());
  std::set<std::string> names;
  for (const auto& [key, number] : model) {
    const std::uint32_t place = slot.find(key, hash_of(key));
    RC_ASSERT(place != Slot::none);
    RC_ASSERT(slot.at(place).value.as_integer() == number);
    names.insert(key);
  }
  for (const std::size_t step : {1, 2, 7, 50, 1'000}) RC_ASSERT(walked(slot, step) == names);
  while (slot.size() > 0) slot.erase(0, hash_of(slot.at(0).key.view()));
  RC_ASSERT(slot.array_bytes() >= sizeof(std::uint32_t));
  slot.shrink();
  RC_ASSERT(slot.array_bytes() == 0u);
}

TEST(Slot, AnInsertionMovesNoEntry) {
  const std::vector<std::string> keys = keys_of_slot(200);
  Slot slot;
  std::vector<const Entry*> entries;
  entries.reserve(keys.size());
  for (const std::string& key : keys) entries.push_back(&slot.at(put(slot, key, 0)));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(&slot.at(slot.find(keys[i], hash_of(keys[i]))), entries[i]);
  }
}

TEST(Slot, AStepOfAWalkTouchesFewEntriesBeyondThoseAskedFor) {
  const std::vector<std::string> keys = keys_of_slot(2'000);
  Slot slot;
  for (const std::string& key : keys) put(slot, key, 0);
  std::vector<Slot::Met> met;
  std::uint64_t from = ~std::uint64_t{0} << (64 - slot_bits);
  std::size_t steps = 0;
  while (from != 0) {
    met.clear();
    from = slot.collect(from, 10, met) + 1;
    EXPECT_LT(met.size(), 250u);
    ++steps;
  }
  EXPECT_GT(steps, 50u);
}

TEST(Slot, KeysThatComeInTheOrderOfTheirHashesFindTheIndexMadeForThem) {
  std::vector<std::string> keys = keys_of_slot(2'000);
  std::sort(keys.begin(), keys.end(),
            [](const auto& a, const auto& b) { return hash_of(a) < hash_of(b); });
  Slot slot;
  slot.reserve(keys.size());
  const std::size_t before = slot.array_bytes();
  for (const std::string& key : keys) put(slot, key, 0);
  EXPECT_LT(slot.array_bytes(), before + (keys.size() + 32) * (sizeof(Entry) + 1));
  for (const std::string& key : keys) EXPECT_NE(slot.find(key, hash_of(key)), Slot::none);
}

}  // namespace
}  // namespace holdfast::table
