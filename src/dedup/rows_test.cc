// SPDX-License-Identifier: Apache-2.0
#include "dedup/rows.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "dedup/filter.h"
#include "dedup/id_table.h"

// docs/formats/ids.md, byte for byte: what is on users' disks stays readable.
namespace holdfast::dedup {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

constexpr SegmentName name{2, 3};

Entry entry(std::uint64_t n, std::string_view reply, bool voided = false) {
  return {.hash = {0x1111111111111111 * n, 0x2222222222222222},
          .fingerprint = 0x0102030405060708,
          .first_applied = instant_from_ms(1'800'000'000'000 + static_cast<std::int64_t>(n)),
          .voided = voided,
          .crlf_follows = true,
          .stored_reply = reply};
}

TEST(IdRows, KeysAreGolden) {
  EXPECT_EQ(hex(meta_key({7})), "0000000700");
  EXPECT_EQ(hex(segment_prefix({7}, name)), "00000007010000000200000003");
  EXPECT_EQ(hex(filter_key({7}, name, 258)), "000000070100000002000000030102");
  EXPECT_EQ(hex(page_key({7}, name, 258)), "0000000701000000020000000300000102");
}

TEST(IdRows, APageIsGolden) {
  std::string page;
  const Instant base = instant_from_ms(1'800'000'000'002);
  start_page(page, base);
  append_entry(page, base, entry(1, ":42"));
  append_entry(page, base, entry(3, "", true));
  EXPECT_EQ(hex(page),
            "01"
            "02505c18a3010000"
            "1111111111111111"
            "2222222222222222"
            "0807060504030201"
            "00"
            "01"
            "05"
            "3a34320d0a"
            "3333333333333333"
            "2222222222222222"
            "0807060504030201"
            "01"
            "02"
            "02"
            "0d0a");
}

TEST(IdRows, WhatIsThereIsGolden) {
  Window window;
  window.set_retain(Millis(1000));
  window.expire(instant_from_ms(1005));
  window.add(instant_from_ms(100), 50);
  window.add(instant_from_ms(101), 52);
  window.add(instant_from_ms(300), 60);
  const Meta meta{
      5, 9, {{2, true, instant_from_ms(100), instant_from_ms(300), {{3, 4, 300, 0x11}}}}};
  const std::string bytes = encode_meta(meta, window);
  EXPECT_EQ(hex(bytes),
            "01"
            "0a"
            "02"
            "ca01"
            "02"
            "66"
            "9003"
            "01"
            "3c"
            "05"
            "09"
            "01"
            "02"
            "01"
            "c801"
            "d804"
            "01"
            "03"
            "04"
            "ac02"
            "1100000000000000");
  Meta read;
  Window read_window;
  ASSERT_TRUE(decode_meta(bytes, read, read_window));
  EXPECT_EQ(encode_meta(read, read_window), bytes);
  EXPECT_EQ(read_window.ids(), 3U);
  EXPECT_EQ(read_window.bytes(), 162U);
}

TEST(IdRows, AFilterIsGolden) {
  Filter filter(1);
  filter.add(0x123456789ABCDEF0);
  EXPECT_EQ(hex(filter.bytes()),
            "0001000000020000100000000000008000800000000000100000080000000040");
}

TEST(IdRows, IdsAndTheirPagesAreGolden) {
  const Hash128 hash = make_id_key(ServiceId{5}, "12:31").hash;
  EXPECT_EQ(fmt::format("{:016x}{:016x}", hash.high, hash.low), "2d0f04388a6328c2e8e66c2e4db0a412");
  EXPECT_EQ(fmt::format("{:016x}", spread(hash, 0x0123456789ABCDEF)), "b7caa760528bdc69");
  EXPECT_EQ(page_of(0x8000000000000000, 10), 5U);
  EXPECT_EQ(page_of(~std::uint64_t{0}, 10), 9U);
  EXPECT_EQ(pages_for(0), 1U);
  EXPECT_EQ(pages_for(ids_per_page * 10), 11U);
}

TEST(IdRows, EveryCutOfWhatIsThereIsNoticed) {
  Window window;
  window.add(instant_from_ms(100), 50);
  const Meta meta{5, 9, {{2, true, instant_from_ms(100), instant_from_ms(300), {{3, 4, 300, 1}}}}};
  const std::string whole = encode_meta(meta, window);
  Meta read;
  Window read_window;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Status status = decode_meta(std::string_view(whole).substr(0, length), read, read_window);
    ASSERT_FALSE(status) << length;
    EXPECT_EQ(status.error().code, Code::corrupt);
  }
  EXPECT_FALSE(decode_meta(whole + 'x', read, read_window));
  EXPECT_FALSE(decode_meta('\2' + whole.substr(1), read, read_window)) << "of a later version";
}

TEST(IdRows, BucketsOutOfOrderAreNoticed) {
  // Found by fuzzing: two buckets of one end were counted twice and kept once.
  Meta meta;
  Window window;
  const std::string twice("\1\0\2\2\1\1\0\1\1\1\1\0", 12);
  const Status read = decode_meta(twice, meta, window);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::corrupt);
}

RC_GTEST_PROP(IdRows, AnyBytesAreReadOrRefused, (const std::string& bytes)) {
  std::vector<Entry> entries;
  static_cast<void>(read_page(bytes, entries));
  static_cast<void>(read_page('\1' + bytes, entries));
  Meta meta;
  Window window;
  static_cast<void>(decode_meta(bytes, meta, window));
  static_cast<void>(decode_meta('\1' + bytes, meta, window));
}

}  // namespace
}  // namespace holdfast::dedup
