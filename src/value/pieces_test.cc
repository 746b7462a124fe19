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
#include "value/list.h"
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

/// By their numbers.
using Stored = std::map<std::uint32_t, std::string>;
Stored pieces_stored(Value& value) {
  Stored all;
  for (std::uint32_t i = 0; i < pieces_of(value)->size(); ++i) {
    std::string piece;
    if (Items(value).encode_piece(i, piece)) all.emplace(i, piece);
  }
  return all;
}

Result<Value> from_pieces(const std::string& head, const Stored& pieces) {
  auto pieced = PiecedValue::of(head);
  if (!pieced) return tl::unexpected(pieced.error());
  for (const auto& [number, piece] : pieces) {
    if (Status s = pieced->take(number, piece); !s) return tl::unexpected(s.error());
  }
  return std::move(*pieced).finish();
}

std::string item(std::size_t i) {
  return "item-" + std::to_string(i) + std::string(1'000, 'i');
}

/// Of eight items a piece.
Value list_of(std::size_t n) {
  auto list = std::make_unique<List>();
  for (std::size_t i = 0; i < n; ++i) list->push_back(item(i));
  return Value::list(std::move(list));
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
  Value list = list_of(60);
  list.as_list().erase(20, 25);
  list.as_list().insert(30, item(7));
  Value values[] = {set_of(129),
                    set_of(256),
                    set_of(1'000),
                    Value::hash(std::move(hash)),
                    Value::sorted_set(std::move(sorted)),
                    std::move(list)};
  for (Value& value : values) {
    auto back = from_pieces(head_of(value), pieces_stored(value));
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
  EXPECT_FALSE(cut->take(0, piece.substr(0, piece.size() - 1)));
  auto longer = PiecedValue::of(head);
  EXPECT_FALSE(longer->take(0, piece + 'x'));
  auto twice = PiecedValue::of(head);
  EXPECT_TRUE(twice->take(0, piece));
  EXPECT_FALSE(twice->take(1, piece)) << "it names members twice";
  auto skipped = PiecedValue::of(head);
  EXPECT_TRUE(skipped->take(0, piece));
  EXPECT_FALSE(skipped->take(2, piece_of(value, 1)));
  auto missing = PiecedValue::of(head);
  EXPECT_TRUE(missing->take(0, piece));
  EXPECT_FALSE(std::move(*missing).finish());
}

// docs/formats/value.md
TEST(PiecesFormat, OfAListIsAsItsPageSays) {
  Value value = list_of(0);
  List& list = value.as_list();
  const std::string half(5'000, 'h');
  for (const char* const name : {"a", "b", "c", "d"}) list.push_back(name + half);
  list.push_front("7");
  list.erase(2, 1);  // the piece of b, number 1, which is free now
  list.insert(0, "e" + half);
  list.erase(3, 1);
  EXPECT_EQ(head_of(value), std::string("\x07\x06\x04\x04\x01", 5))
      << "4 items, numbers 0 to 3, the first is 1";
  const Stored pieces = pieces_stored(value);
  ASSERT_EQ(pieces.size(), 3u) << "number 2 is free: of c";
  EXPECT_EQ(pieces.at(1).substr(0, 5), std::string("\x00\x89\x27"
                                                   "eh",
                                                   5));
  EXPECT_EQ(pieces.at(0).substr(0, 7), std::string("\x03\x01"
                                                   "7\x89\x27"
                                                   "ah",
                                                   7));
  EXPECT_EQ(pieces.at(3).substr(0, 5), std::string("\x03\x89\x27"
                                                   "dh",
                                                   5))
      << "itself comes next: it is the last";

  auto back = from_pieces(head_of(value), pieces);
  ASSERT_TRUE(back);
  EXPECT_EQ(stored(*back), stored(value));
  EXPECT_EQ(head_of(*back), head_of(value));
  EXPECT_EQ(pieces_stored(*back), pieces) << "each has kept its number";
}

TEST(PiecesFormat, OfAListThatIsCutMissingOrTooMuchIsCorrupt) {
  Value value = list_of(40);
  value.as_list().erase(16, 8);
  const std::string head = head_of(value);
  const Stored good = pieces_stored(value);
  ASSERT_EQ(good.size(), 4u);
  ASSERT_TRUE(from_pieces(head, good));
  for (std::size_t n = 0; n < head.size(); ++n) EXPECT_FALSE(PiecedValue::of(head.substr(0, n)));
  EXPECT_FALSE(PiecedValue::of(head + 'x'));
  for (const auto& [number, piece] : good) {
    Stored bad = good;
    bad[number].pop_back();
    EXPECT_FALSE(from_pieces(head, bad)) << "cut";
    bad[number] = piece + 'x';
    EXPECT_FALSE(from_pieces(head, bad)) << "too long";
    bad[number] = piece.substr(0, 1);
    EXPECT_FALSE(from_pieces(head, bad)) << "without items";
    bad[number][0] = 2;
    EXPECT_FALSE(from_pieces(head, bad)) << "what comes next is none";
    bad[number] = piece;
    bad[number][0] = static_cast<char>(number == 0 ? 0 : number - 1);
    EXPECT_FALSE(from_pieces(head, bad)) << "round and round, or some are left out";
    bad.erase(number);
    EXPECT_FALSE(from_pieces(head, bad)) << "one is missing";
  }
  Stored more = good;
  more[2] = good.at(4);
  EXPECT_FALSE(from_pieces(head, more)) << "one too many";
  EXPECT_FALSE(from_pieces("\x07\x06\x20\x06\x01" + std::string(), good)) << "another is first";
  std::string items = head;
  ++items[2];
  EXPECT_FALSE(from_pieces(items, good)) << "an item too few";
  const Stored one = {{0, std::string("\x00\x01"
                                      "7",
                                      3)}};
  EXPECT_FALSE(from_pieces(std::string("\x07\x06\x01\x01\x00", 5), one))
      << "so few are stored whole";
}

struct Watch final : PieceWatch {
  explicit Watch(Value& its_value) : value(its_value) { pieces_of(value)->set_watch(this); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() override {
    if (!small) pieces_of(value)->set_watch(nullptr);
  }
  void before_change(std::size_t piece) override {
    std::string was;
    if (!Items(value).encode_piece(piece, was)) was = none;
    seen.emplace(piece, was);
  }
  /// Of a number that no piece has.
  static constexpr std::string_view none = "none";
  void became_small() override { small = true; }
  Value& value;
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

  Watch watch(value);
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
}

// The same of lists, whatever their pieces' numbers are, and of what was stored when it was stored
// last: what is written of it then makes it whole.
RC_GTEST_PROP(Pieces, WhatAWatchSeesOfAListAndWhatIsLeftIsWhatWasThere, (std::uint32_t seed)) {
  std::mt19937 random(seed);
  const auto draw = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Value value = list_of(0);
  List& list = value.as_list();
  const std::size_t few = 1 + draw(40);
  const auto change = [&] {
    const std::size_t size = list.size();
    const std::string text(draw(3) == 0 ? draw(9'000) : draw(1'500), 't');
    const std::size_t kind = draw(size > few ? 16 : 9);
    if (kind < 2) {
      list.push_back(text);
    } else if (kind < 4) {
      list.push_front(text);
    } else if (kind < 6) {
      list.insert(draw(size + 1), text);
    } else if (size == 0) {
      return;
    } else if (kind < 8) {
      list.set(draw(size), text);
    } else if (kind < 10) {
      list.erase(draw(2) == 0 ? 0 : size - 1);
    } else if (kind < 13) {
      const std::size_t index = draw(size);
      list.erase(index,
                 draw(draw(10) == 0 ? size - index : std::min<std::size_t>(9, size - index)) + 1);
    } else if (kind < 14) {
      std::vector<std::size_t> gone;
      const std::size_t one_in = 2 + draw(30);
      const std::size_t from = draw(size);
      for (std::size_t i = 0; i < size; ++i) {
        if (draw(one_in) == 0 || (one_in == 2 && i > from)) gone.push_back(i);
      }
      list.erase_all(gone);
    }
  };
  for (std::size_t step = draw(120); step > 0; --step) change();

  Stored rows;  // as a store has it that is written what changed, or was told of
  std::string head;
  for (Pieces::Epoch epoch = 1; epoch < 6; ++epoch) {
    if (pieces_of(value) == nullptr) {
      rows.clear();
      for (std::size_t step = draw(60); step > 0; --step) change();
      continue;
    }
    Pieces* const pieces = pieces_of(value);
    head = head_of(value);
    const std::string whole = stored(value);
    const Stored then = pieces_stored(value);
    const std::size_t numbers = pieces->size();
    std::vector<bool> is_new(numbers);
    for (std::size_t i = 0; i < numbers; ++i) is_new[i] = pieces->epoch(i) != Pieces::stored;
    pieces->set_all(Pieces::stored);
    pieces->set_now(epoch);
    Watch watch(value);
    for (std::size_t step = draw(60); step > 0 && !watch.small; --step) change();
    for (std::uint32_t i = 0; i < numbers; ++i) {
      std::string now(Watch::none);
      if (watch.seen.contains(i)) {
        now = watch.seen[i];
      } else {
        RC_ASSERT(!watch.small);
        std::string piece;
        if (Items(value).encode_piece(i, piece)) now = piece;
        RC_ASSERT(pieces->epoch(i) == Pieces::stored);
      }
      RC_ASSERT(now == (then.contains(i) ? then.at(i) : Watch::none));
      if (!is_new[i]) continue;
      rows.erase(i);
      if (now != Watch::none) rows[i] = now;
    }
    rows.erase(rows.lower_bound(static_cast<std::uint32_t>(numbers)), rows.end());
    RC_ASSERT(rows == then);
    auto back = from_pieces(head, rows);
    RC_ASSERT(back.has_value());
    RC_ASSERT(stored(*back) == whole);
  }
}

// Of a list of many pieces, a change at an end changes one or two, and so does one in the middle.
TEST(Pieces, AChangeOfAListIsOfFewPieces) {
  Value value = list_of(4'000);
  List& list = value.as_list();
  Pieces::Epoch epoch = 0;
  const auto changed = [&] {
    std::size_t n = 0;
    for (std::size_t i = 0; i < pieces_of(value)->size(); ++i)
      n += pieces_of(value)->epoch(i) == epoch;
    pieces_of(value)->set_now(++epoch);
    return n;
  };
  const auto begin = [&] {
    pieces_of(value)->set_all(Pieces::stored);
    changed();
  };
  begin();
  list.push_back("x");
  EXPECT_LE(changed(), 2u);
  list.push_front("x");
  EXPECT_LE(changed(), 2u);
  list.erase(0);
  EXPECT_LE(changed(), 1u);
  list.erase(list.size() - 1);
  EXPECT_LE(changed(), 2u);
  list.set(2'000, "other");
  EXPECT_EQ(changed(), 1u);
  list.insert(1'000, item(1));
  EXPECT_LE(changed(), 2u);
  list.insert(1'001, std::string(20'000, 'l'));
  EXPECT_LE(changed(), 3u);
  list.erase(1'500, 8);
  EXPECT_LE(changed(), 3u);
  list.erase_all(std::vector<std::size_t>{2'000, 3'000});
  EXPECT_LE(changed(), 2u);
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
