// SPDX-License-Identifier: Apache-2.0
#include "eventual/origin_entry.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "eventual/replica.h"

namespace holdfast::eventual {
namespace {

std::string bytes_of(std::string_view hex) {
  std::string bytes;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ' || c == '\n') continue;
    digits.push_back(c);
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<char>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  return bytes;
}

std::string hex_of(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(digits[static_cast<std::uint8_t>(c) >> 4]);
    hex.push_back(digits[c & 0xF]);
    hex.push_back(' ');
  }
  return hex;
}

// The example of docs/formats/origin-entry.md.
constexpr std::string_view golden =
    "01 0a 00 00 00 00 00 00 00 05 01 14 00 00 00 00 00 00 00 03 02 00 00 00"
    "00 07 80 80 80 c0 d6 fc f3 c5 01 02 04 6c 3a 34 32 02 00"
    "01 07 01 02 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00"
    "24 02 6c 3a 01 66 01 76 49 d0 0f 00 04 3a 31 0d 0a";

const HybridTime golden_time = HybridTime::at(instant_from_ms(1'700'000'000'000));

std::string write_golden() {
  VersionVector seen;
  seen.raise(OriginId{20}, 3);
  EntryWriter writer;
  writer.open(OriginId{10}, 5, seen);
  writer.begin({.keyspace = {7}, .time = golden_time});
  writer.effect({{.kind = EffectKind::add, .key = "l:42", .number = 1}});
  writer.commit("not kept: no id");
  writer.begin({.keyspace = {7},
                .time = {golden_time.value + 1},
                .has_id = true,
                .id = {{.high = 2, .low = 1}},
                .fingerprint = 3});
  writer.effect({{.kind = EffectKind::put_field, .key = "l:", .element = "f", .text = "v"}, true});
  writer.effect({{.kind = EffectKind::expire, .key = "l:", .number = 1000}});
  writer.commit(":1\r\n");
  return writer.take();
}

TEST(OriginEntry, AScoreIsWrittenInOneWayOnly) {
  const auto opens = [](std::string_view score) {
    EntryWriter writer;
    writer.open(OriginId{1}, 1, {});
    writer.begin({.keyspace = KeyspaceId{7}, .time = HybridTime{1}});
    writer.effect({{.kind = EffectKind::put_score, .key = "z", .element = "m", .text = score}});
    writer.commit("");
    return EntryReader::open(writer.take()).has_value();
  };
  for (const char* good : {"0", "-3", "0.10000000000000001", "1e+17", "inf", "-inf"}) {
    EXPECT_TRUE(opens(good)) << good;
  }
  for (const char* bad : {"", "x", "nan", "-0", "+1", "1.0", "0.1", "1e17", "0x1", " 1", "1 "}) {
    EXPECT_FALSE(opens(bad)) << bad;
  }
}

TEST(OriginEntry, IsWrittenAsItsPageSays) {
  EXPECT_EQ(hex_of(write_golden()), hex_of(bytes_of(golden)));
}

TEST(OriginEntry, IsReadAsItsPageSays) {
  const std::string payload = bytes_of(golden);
  ASSERT_EQ(origin_of(payload), OriginId{10});
  auto entry = EntryReader::open(payload);
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_EQ(entry->origin(), OriginId{10});
  EXPECT_EQ(entry->first_sequence(), 5U);
  EXPECT_EQ(entry->last_sequence(), 6U);
  EXPECT_EQ(entry->seen().at(OriginId{20}), 3U);

  EntryReader::Operation operation;
  ASSERT_TRUE(entry->next(operation));
  EXPECT_EQ(operation.head.keyspace, KeyspaceId{7});
  EXPECT_FALSE(operation.head.has_id);
  EffectReader first(operation.effects);
  MergedEffect effect;
  ASSERT_TRUE(first.next(effect));
  EXPECT_EQ(effect.effect.kind, EffectKind::add);
  EXPECT_EQ(effect.effect.key, "l:42");
  EXPECT_EQ(effect.effect.number, 1);
  EXPECT_FALSE(effect.fresh);
  EXPECT_FALSE(first.next(effect));

  ASSERT_TRUE(entry->next(operation));
  EXPECT_TRUE(operation.head.has_id);
  EXPECT_EQ(operation.head.id.hash.high, 2U);
  EXPECT_EQ(operation.head.fingerprint, 3U);
  EXPECT_EQ(operation.head.time, entry->last_time());
  EXPECT_EQ(operation.reply, ":1\r\n");
  EffectReader second(operation.effects);
  ASSERT_TRUE(second.next(effect));
  EXPECT_TRUE(effect.fresh);
  EXPECT_EQ(effect.effect.element, "f");
  EXPECT_EQ(effect.effect.text, "v");
  ASSERT_TRUE(second.next(effect));
  EXPECT_EQ(effect.effect.kind, EffectKind::expire);
  EXPECT_EQ(effect.effect.key, "l:") << "the same key is not written again";
  EXPECT_EQ(effect.effect.number, 1000);
  EXPECT_FALSE(entry->next(operation));
}

TEST(OriginEntry, AnotherVersionIsRefusedByName) {
  std::string payload = write_golden();
  payload[0] = 2;
  const auto entry = EntryReader::open(payload);
  ASSERT_FALSE(entry);
  EXPECT_EQ(entry.error().code, Code::corrupt);
  EXPECT_NE(entry.error().message.find("format 2"), std::string::npos);
  EXPECT_FALSE(origin_of(payload));
}

TEST(OriginEntry, EveryCutIsRefused) {
  const std::string payload = write_golden();
  for (std::size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(EntryReader::open(std::string_view(payload).substr(0, size))) << size;
  EXPECT_FALSE(EntryReader::open(payload + std::string(1, '\0')));
}

TEST(OriginEntry, AnExpiryBefore1970IsRefused) {
  for (const std::int64_t at : {0, -1}) {
    EntryWriter writer;
    writer.open(OriginId{10}, 1, {});
    writer.begin({.keyspace = {7}, .time = golden_time});
    writer.effect({{.kind = EffectKind::expire, .key = "k", .number = at}});
    writer.commit({});
    EXPECT_EQ(EntryReader::open(writer.take()).has_value(), at == 0);
  }
}

TEST(OriginEntry, WhatNoWriterWritesIsRefused) {
  const auto with = [](std::size_t at, std::uint8_t byte) {
    std::string payload = write_golden();
    payload[at] = static_cast<char>(byte);
    return EntryReader::open(payload).has_value();
  };
  EXPECT_TRUE(with(0, 1));
  EXPECT_FALSE(with(9, 0)) << "sequences begin at 1";
  EXPECT_FALSE(with(11, 10)) << "an origin is not in its own vector";
  EXPECT_FALSE(with(19, 0)) << "a part of nothing";
  EXPECT_FALSE(with(20, 0)) << "an entry without operations";
  EXPECT_FALSE(with(24, 0x80)) << "an unknown flag";
  EXPECT_FALSE(with(35, 0x0F)) << "an unknown kind of effect";
  EXPECT_FALSE(with(35, 0x42)) << "the same key, but there is none before";
  EXPECT_FALSE(with(35, 0x12)) << "an increment that keeps the expiry";
  EXPECT_FALSE(with(35, 0x23)) << "a fresh clear";
}

RC_GTEST_PROP(OriginEntry, AnyBytesAreReadOrRefusedButNeverFail, (const std::string& tail)) {
  const std::string head = bytes_of("01 0a 00 00 00 00 00 00 00 05 00 02 00 00 00");
  for (const std::string& payload : {tail, head + tail}) {
    auto entry = EntryReader::open(payload);
    if (!entry) continue;
    EntryReader::Operation operation;
    while (entry->next(operation)) {
    }
  }
}

}  // namespace
}  // namespace holdfast::eventual
