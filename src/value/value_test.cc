// SPDX-License-Identifier: Apache-2.0
#include "value/value.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <map>
#include <set>

#include "value/hash.h"
#include "value/list.h"
#include "value/set.h"
#include "value/sorted_set.h"

namespace holdfast {
namespace {

std::string stored(const Value& value) {
  std::string out;
  encode(value, out);
  return out;
}

// What is a canonical integer is kept as one, whichever way it came to be: a stored text that reads
// as an integer is damage.
TEST(Value, ATextEditedInPlaceIsWhatItWouldBeMadeAnew) {
  const auto edited = [](std::string_view before, std::size_t bytes_min, std::size_t at,
                         char byte) {
    Value value = Value::string(before);
    value.edit_text(bytes_min, [&](std::span<char> bytes) { bytes[at] = byte; });
    return value;
  };
  for (const std::size_t length : {0U, 1U, 2U, 14U, 15U, 16U, 19U, 20U, 40U}) {
    const std::string digits(length, '7');
    for (const std::size_t bytes_min : {1U, 15U, 16U, 20U, 41U}) {
      for (const char byte : {'8', 'x', '-', '\0'}) {
        std::string wanted = digits;
        wanted.resize(std::max(length, bytes_min), '\0');
        wanted[0] = byte;
        const Value value = edited(digits, bytes_min, 0, byte);
        IntegerText room;
        EXPECT_EQ(value.text(room), wanted);
        EXPECT_EQ(value.as_integer(), parse_integer(wanted));
        EXPECT_EQ(stored(value), stored(Value::string(wanted)));
      }
    }
  }
}

// From none over those without an index to those with shards; whatever is asked for, of whatever
// type.
TEST(Value, AHintMayBeAboutAnything) {
  for (const int count : {0, 1, 9, 400, 2'000}) {
    auto members = std::make_unique<Set>();
    auto fields = std::make_unique<Hash>();
    for (int i = 0; i < count; ++i) {
      members->insert(std::to_string(i));
      fields->put(std::to_string(i), "value");
    }
    const Value values[] = {Value::string("text"), Value::integer(7),
                            Value::set(std::move(members)), Value::hash(std::move(fields))};
    for (const Value& value : values) {
      const std::string before = stored(value);
      value.prefetch();
      for (const char* item : {"", "0", "1999", "not there"}) value.prefetch_item(item);
      EXPECT_EQ(stored(value), before);
    }
  }
}

TEST(Integers, AreReadAsRedisReadsThem) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("-1"), -1);
  EXPECT_EQ(parse_integer("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  for (const char* text : {"", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1.0", "1e3", "0x1",
                           "9223372036854775808", "-9223372036854775809", "18446744073709551616"}) {
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
  }
}

RC_GTEST_PROP(Integers, EveryIntegersTextComesBack, (std::int64_t number)) {
  IntegerText room;
  const Value value = Value::integer(number);
  RC_ASSERT(parse_integer(value.text(room)) == number);
  RC_ASSERT(Value::string(value.text(room)).as_integer() == number);
  RC_ASSERT(stored(Value::string(value.text(room))) == stored(value));
}

RC_GTEST_PROP(Value, AStringComesBackByteForByte, (const std::string& text)) {
  const Value value = Value::string(text);
  IntegerText room;
  RC_ASSERT(value.text(room) == text);
  RC_ASSERT(value.text_bytes() == text.size());
  const auto back = decode_value(stored(value));
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->text(room) == text);
  RC_ASSERT(stored(back->clone()) == stored(value));
}

// The order is a function of the operations alone: that is what lets two nodes
// answer alike.
RC_GTEST_PROP(Set, IsAPlainSetWithTheOrderOfAppendAndMoveTheLast,
              (const std::vector<std::pair<bool, std::uint8_t>>& operations)) {
  Set set;
  std::vector<std::string> model;
  for (const auto& [insert, number] : operations) {
    const std::string member = "member-" + std::to_string(number % 32);
    const auto place = std::find(model.begin(), model.end(), member);
    if (insert) {
      RC_ASSERT(set.insert(member) == (place == model.end()));
      if (place == model.end()) model.push_back(member);
    } else {
      RC_ASSERT(set.erase(member) == (place != model.end()));
      if (place != model.end()) {
        *place = model.back();
        model.pop_back();
      }
    }
  }
  RC_ASSERT(set.size() == model.size());
  for (std::size_t i = 0; i < model.size(); ++i) {
    RC_ASSERT(set.at(i) == model[i]);
    RC_ASSERT(set.contains(model[i]));
  }
}

RC_GTEST_PROP(Hash, IsAPlainMapAndComesBackInItsOrder,
              (const std::vector<std::tuple<bool, std::uint8_t, std::string>>& operations)) {
  auto hash = std::make_unique<Hash>();
  std::map<std::string, std::string> model;
  for (const auto& [put, number, text] : operations) {
    const std::string field = "field-" + std::to_string(number % 32);
    if (put) {
      RC_ASSERT(hash->put(field, text) == !model.contains(field));
      model[field] = text;
    } else {
      RC_ASSERT(hash->erase(field) == (model.erase(field) > 0));
    }
  }
  RC_ASSERT(hash->size() == model.size());
  for (const auto& [field, text] : model) RC_ASSERT(hash->find(field) == text);
  RC_ASSERT(!hash->find("never put"));
  if (model.empty()) return;
  const Value value = Value::hash(std::move(hash));
  const auto back = decode_value(stored(value));
  RC_ASSERT(back.has_value());
  for (std::size_t i = 0; i < model.size(); ++i) {
    RC_ASSERT(back->as_hash().field_at(i) == value.as_hash().field_at(i));
    RC_ASSERT(back->as_hash().value_at(i) == value.as_hash().value_at(i));
  }
}

TEST(ValueFormat, IsAsItsPageSays) {  // docs/formats/value.md
  EXPECT_EQ(stored(Value::string("hi")), std::string("\x01\x02hi", 4));
  EXPECT_EQ(stored(Value::string("150")), std::string("\x04\xAC\x02", 3));
  EXPECT_EQ(stored(Value::integer(-1)), std::string("\x04\x01", 2));
  auto hash = std::make_unique<Hash>();
  hash->put("f", "1");
  hash->put("gg", "");
  EXPECT_EQ(stored(Value::hash(std::move(hash))), std::string("\x02\x02\x01"
                                                              "f\x01"
                                                              "1\x02gg\x00",
                                                              10));
  auto set = std::make_unique<Set>();
  set->insert("a");
  EXPECT_EQ(stored(Value::set(std::move(set))), std::string("\x03\x01\x01"
                                                            "a",
                                                            4));
  auto sorted = std::make_unique<SortedSet>();
  sorted->put("b", 2);
  sorted->put("a", -0.5);
  EXPECT_EQ(stored(Value::sorted_set(std::move(sorted))),
            std::string("\x05\x02\x01"
                        "b\x00\x00\x00\x00\x00\x00\x00\x40\x01"
                        "a\x00\x00\x00\x00\x00\x00\xE0\xBF",
                        22));
  auto list = std::make_unique<List>();
  for (const char* item : {"b", "12", "b"}) list->push_back(item);
  EXPECT_EQ(stored(Value::list(std::move(list))), std::string("\x06\x03\x01"
                                                              "b\x02"
                                                              "12\x01"
                                                              "b",
                                                              9));
}

TEST(ValueFormat, WhatIsNoStoredValueIsCorrupt) {
  const std::string cases[] = {
      "",
      std::string("\x00", 1),
      "\x05",
      "\x01",
      std::string("\x01\x03hi", 4),    // shorter than it says
      std::string("\x01\x02hi!", 5),   // and longer
      std::string("\x01\x01\x37", 3),  // an integer stored as text
      std::string("\x02\x00", 2),      // an empty hash is no value
      std::string("\x03\x00", 2),      //
      std::string("\x03\x02\x01"
                  "a\x01"
                  "a",
                  6),              // a member twice
      std::string("\x05\x00", 2),  // nor is an empty sorted set
      std::string("\x06\x00", 2),  // nor an empty list
      std::string("\x05\x01\x01"
                  "a\x00\x00\x00\x00\x00\x00\xF8\x7F",
                  12),  // a score that is no number
      std::string("\x05\x02\x01"
                  "a\x00\x00\x00\x00\x00\x00\x00\x40\x01"
                  "a\x00\x00\x00\x00\x00\x00\x08\x40",
                  22),                                                  // a member twice
      std::string("\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11),  // a count without end
  };
  for (const std::string& bytes : cases) {
    const auto value = decode_value(bytes);
    ASSERT_FALSE(value) << testing::PrintToString(bytes);
    EXPECT_EQ(value.error().code, Code::corrupt);
  }
}

RC_GTEST_PROP(ValueFormat, AnyBytesAreReadWithoutHarm, (const std::string& bytes)) {
  if (const auto value = decode_value(bytes)) RC_ASSERT(stored(*value).size() <= bytes.size());
}

/// Values of every type, collections of several sizes among them.
std::vector<Value> some_values() {
  std::vector<Value> values;
  for (const char* text : {"", "hi", "12", "-9223372036854775808", "a text that is not inline"}) {
    values.push_back(Value::string(text));
  }
  values.push_back(Value::string(std::string(300, '\0')));
  for (const int size : {1, 8, 9, 200}) {
    auto hash = std::make_unique<Hash>();
    auto set = std::make_unique<Set>();
    auto sorted = std::make_unique<SortedSet>();
    auto list = std::make_unique<List>();
    for (int i = 0; i < size; ++i) {
      list->push_back(i % 3 == 0 ? std::to_string(i * 1'000) : "item");
      sorted->put("member " + std::to_string(i), i * 37 % 100);
      hash->put("field " + std::to_string(i), std::string(static_cast<std::size_t>(i), 'v'));
      set->insert("member " + std::to_string(i));
    }
    values.push_back(Value::hash(std::move(hash)));
    values.push_back(Value::set(std::move(set)));
    values.push_back(Value::sorted_set(std::move(sorted)));
    values.push_back(Value::list(std::move(list)));
  }
  return values;
}

TEST(ValueFormat, ACutOrLengthenedValueIsCorrupt) {
  for (const Value& value : some_values()) {
    const std::string whole = stored(value);
    ASSERT_TRUE(decode_value(whole));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto cut = decode_value(std::string_view(whole).substr(0, size));
      ASSERT_FALSE(cut) << size << " of " << whole.size();
      EXPECT_EQ(cut.error().code, Code::corrupt);
    }
    EXPECT_FALSE(decode_value(whole + '\0'));
  }
}

TEST(ValueFormat, AFlippedBitIsRefusedOrGivesAnotherValueNeverHarm) {
  for (const Value& value : some_values()) {
    const std::string whole = stored(value);
    for (std::size_t bit = 0; bit < std::min<std::size_t>(whole.size(), 300) * 8; ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      // A value has one stored form: what was read from other bytes differs.
      const auto read = decode_value(flipped);
      EXPECT_TRUE(!read || stored(*read) != whole);
    }
  }
}

TEST(Value, AMovedOrClonedValueIsTheSameAndACloneIsItsOwn) {
  for (Value& value : some_values()) {
    const std::string before = stored(value);
    Value clone = value.clone();
    EXPECT_EQ(stored(clone), before);
    EXPECT_EQ(clone.type(), value.type());
    if (clone.type() == Type::set) clone.as_set().insert("more");
    if (clone.type() == Type::sorted_set) clone.as_sorted_set().put("more", 1);
    if (clone.type() == Type::hash) clone.as_hash().put("more", "");
    if (clone.type() == Type::list) clone.as_list().push_back("more");
    const Value moved = std::move(value);
    EXPECT_EQ(stored(moved), before);
  }
}

TEST(Value, HeapBytesFollowWhatIsHeld) {
  EXPECT_EQ(Value::integer(1).heap_bytes(), 0u);
  EXPECT_EQ(Value::string("inline").heap_bytes(), 0u);
  EXPECT_GE(Value::string(std::string(100, 'x')).heap_bytes(), 100u);
  auto set = std::make_unique<Set>();
  for (int i = 0; i < 1'000; ++i) set->insert("a member of some length " + std::to_string(i));
  const std::size_t full = set->heap_bytes();
  EXPECT_GT(full, 1'000u * 40);
  EXPECT_LT(full, 1'000u * 100);
  for (int i = 0; i < 1'000; ++i) set->erase("a member of some length " + std::to_string(i));
  EXPECT_LT(set->heap_bytes(), full);
}

}  // namespace
}  // namespace holdfast
