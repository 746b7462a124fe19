// SPDX-License-Identifier: Apache-2.0
// Large collections: how they are found, and stored in pieces.
#include "value/pieces.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "value/hash.h"
#include "value/set.h"
#include "value/sorted_set.h"
#include "value/stored.h"

namespace holdfast {
namespace {

std::string member(std::size_t i) {
  return "member-" + std::to_string(i);
}

Value set_of(std::size_t n) {
  auto set = std::make_unique<Set>();
  for (std::size_t i = 0; i < n; ++i) set->insert(member(i));
  return Value::set(std::move(set));
}

std::string stored(const Value& value) {
  std::string out;
  encode(value, out);
  return out;
}

std::string head_of(const Value& value) {
  std::string out;
  encode_head(value, out);
  return out;
}

std::string piece_of(const Value& value, std::size_t piece) {
  std::string out;
  Items(value).encode_piece(piece, out);
  return out;
}

Result<Value> from_pieces(const Value& value) {
  auto pieced = PiecedValue::of(head_of(value));
  if (!pieced) return tl::unexpected(pieced.error());
  for (std::size_t piece = 0; pieced->pieces_left() > 0; ++piece) {
    if (Status s = pieced->take(piece_of(value, piece)); !s) return tl::unexpected(s.error());
  }
  return std::move(*pieced).finish();
}

// The index divides and splits on the way up, and all goes back to small on the way down.
TEST(LargeSet, IsAPlainSetInTheOrderOfAppendAndMoveTheLastAtAnySize) {
  std::mt19937 random(7);
  Set set;
  std::vector<std::string> model;
  std::map<std::string, std::size_t> places;
  const auto check = [&](std::size_t step) {
    ASSERT_EQ(set.size(), model.size());
    for (std::size_t i = 0; i < model.size(); i += step) {
      ASSERT_EQ(set.at(i), model[i]);
      ASSERT_TRUE(set.contains(model[i]));
    }
    ASSERT_FALSE(set.contains("never there"));
    ASSERT_EQ(set.pieces() == nullptr, set.size() <= piece_items);
    if (set.pieces() == nullptr) return;
    ASSERT_EQ(set.pieces()->size(), (set.size() + piece_items - 1) / piece_items);
  };
  for (const std::size_t size : {30'000, 100, 5'000, 0, 40'000}) {
    while (model.size() != size) {
      const bool grow = random() % 8 == 0 ? model.empty() : model.size() < size;
      if (grow) {
        const std::string name = member(random() % 1'000'000);
        const bool is_new = places.emplace(name, model.size()).second;
        ASSERT_EQ(set.insert(name), is_new);
        if (is_new) model.push_back(name);
      } else {
        const std::size_t place = random() % model.size();
        const std::string name = model[place];
        ASSERT_TRUE(set.erase(name));
        model[place] = model.back();
        places[model[place]] = place;
        model.pop_back();
        places.erase(name);
      }
    }
    check(1);
  }
}

// docs/formats/value.md
TEST(PiecesFormat, IsAsItsPageSays) {
  const Value value = set_of(300);
  EXPECT_EQ(head_of(value), std::string("\x07\x03\xAC\x02"));
  EXPECT_TRUE(is_head(head_of(value)));
  EXPECT_FALSE(is_head(stored(value)));
  EXPECT_FALSE(is_head(""));
  EXPECT_EQ(piece_of(value, 2).substr(0, 11), "\x0Amember-256");
  EXPECT_EQ(Items(value).size(), 300u);
  EXPECT_FALSE(decode_value(head_of(value))) << "a head is no value";
}

TEST(PiecesFormat, EveryTypeComesBack) {
  auto hash = std::make_unique<Hash>();
  auto sorted = std::make_unique<SortedSet>();
  for (std::size_t i = 0; i < 1'000; ++i) {
    hash->put(member(i), std::to_string(i));
    sorted->put(member(i), static_cast<double>(i % 17));
  }
  const Value values[] = {set_of(129), set_of(256), set_of(1'000), Value::hash(std::move(hash)),
                          Value::sorted_set(std::move(sorted))};
  for (const Value& value : values) {
    auto back = from_pieces(value);
    ASSERT_TRUE(back);
    EXPECT_EQ(stored(*back), stored(value));
    Pieces* const pieces = pieces_of(*back);
    for (std::size_t i = 0; i < pieces->size(); ++i)
      EXPECT_EQ(pieces->epoch(i), Pieces::stored) << "nothing of it is to be written";
  }
}

TEST(PiecesFormat, WhatIsCutMissingOrTooMuchIsCorrupt) {
  const Value value = set_of(300);
  const std::string head = head_of(value);
  for (std::size_t n = 0; n < head.size(); ++n) EXPECT_FALSE(PiecedValue::of(head.substr(0, n)));
  EXPECT_FALSE(PiecedValue::of(head + 'x'));
  EXPECT_FALSE(PiecedValue::of(stored(value)));
  EXPECT_FALSE(PiecedValue::of("\x07\x01\xAC\x02")) << "a text has no pieces";
  EXPECT_FALSE(PiecedValue::of("\x07\x03\x05")) << "so few are stored whole";

  const std::string piece = piece_of(value, 0);
  auto cut = PiecedValue::of(head);
  EXPECT_FALSE(cut->take(piece.substr(0, piece.size() - 1)));
  auto longer = PiecedValue::of(head);
  EXPECT_FALSE(longer->take(piece + 'x'));
  auto twice = PiecedValue::of(head);
  EXPECT_TRUE(twice->take(piece));
  EXPECT_FALSE(twice->take(piece)) << "it names members twice";
  auto missing = PiecedValue::of(head);
  EXPECT_TRUE(missing->take(piece));
  EXPECT_FALSE(std::move(*missing).finish());
}

struct Watch final : PieceWatch {
  void before_change(std::size_t piece) override {
    std::string& was = seen[piece];
    if (was.empty()) Items(*value).encode_piece(piece, was);
  }
  void became_small() override { small = true; }
  const Value* value = nullptr;
  std::map<std::size_t, std::string> seen;
  bool small = false;
};

// Whatever happens to a collection: what a watch has seen, and the pieces that it was not told of,
// are the collection as it was.
RC_GTEST_PROP(Pieces, WhatAWatchSeesAndWhatIsLeftIsWhatWasThere, (std::uint32_t seed)) {
  std::mt19937 random(seed);
  auto of = std::make_unique<SortedSet>();
  const std::size_t size = piece_items + 1 + random() % 400;
  for (std::size_t i = 0; i < size; ++i) of->put(member(i), static_cast<double>(random() % 9));
  Value value = Value::sorted_set(std::move(of));
  SortedSet& set = value.as_sorted_set();
  std::vector<std::string> then;
  for (std::size_t i = 0; i < pieces_of(value)->size(); ++i) then.push_back(piece_of(value, i));

  Watch watch;
  watch.value = &value;
  pieces_of(value)->set_watch(&watch);
  const bool shrinks = random() % 2 == 0;
  for (std::size_t step = random() % 400; step > 0 && !watch.small; --step) {
    const std::string name = member(random() % (size + 50));
    if (random() % 3 == 0 || (shrinks && random() % 4 > 0)) {
      set.erase(shrinks ? std::string(set.member_at(set.size() - 1)) : name);
    } else {
      set.put(name, static_cast<double>(random() % 9));
    }
  }
  for (std::size_t i = 0; i < then.size(); ++i) {
    const bool was_seen = watch.seen.contains(i);
    if (watch.small) RC_ASSERT(was_seen);
    RC_ASSERT((was_seen ? watch.seen[i] : piece_of(value, i)) == then[i]);
  }
  if (!watch.small) pieces_of(value)->set_watch(nullptr);
}

TEST(Pieces, ChangesAreOfTheEpochThatIsNow) {
  Value value = set_of(300);
  Pieces* const pieces = pieces_of(value);
  EXPECT_EQ(pieces->epoch(1), Pieces::never_stored);
  pieces->set_all(Pieces::stored);
  pieces->set_now(7);
  value.as_set().erase(member(140));  // the last, of piece 2, takes its place in piece 1
  EXPECT_EQ(pieces->epoch(0), Pieces::stored);
  EXPECT_EQ(pieces->epoch(1), 7u);
  EXPECT_EQ(pieces->epoch(2), 7u);
}

}  // namespace
}  // namespace holdfast
