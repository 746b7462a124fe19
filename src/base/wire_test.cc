// SPDX-License-Identifier: Apache-2.0
#include "base/wire.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace holdfast::wire {
namespace {

TEST(Wire, BytesAreAsTheFormatsSay) {
  std::string out;
  put_u8(out, 0xAB);
  put_u32(out, 0x01020304);
  put_u64(out, 0x0102030405060708);
  put_varint(out, 300);
  put_signed(out, -1);
  put_signed(out, 1);
  put_bytes(out, "hi");
  const std::string expected(
      "\xAB\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01\xAC\x02\x01\x02\x02hi", 20);
  EXPECT_EQ(out, expected);
}

TEST(Wire, TheGreatestAndLeastNumbersComeBack) {
  std::string out;
  put_varint(out, std::numeric_limits<std::uint64_t>::max());
  put_signed(out, std::numeric_limits<std::int64_t>::min());
  put_signed(out, std::numeric_limits<std::int64_t>::max());
  Reader in(out);
  EXPECT_EQ(in.varint(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(in.signed_varint(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(in.signed_varint(), std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(in.ok());
  EXPECT_TRUE(in.at_end());
}

TEST(Wire, AVarintOfMoreThan64BitsIsMalformed) {
  const std::string nine(9, '\xFF');
  EXPECT_EQ(Reader(nine + '\x01').varint(), std::numeric_limits<std::uint64_t>::max());
  for (const std::string& bad : {nine + '\x02', nine + '\xFF' + '\x00', std::string(20, '\x80')}) {
    Reader in(bad);
    EXPECT_EQ(in.varint(), 0U);
    EXPECT_FALSE(in.ok());
  }
}

TEST(Wire, ALengthBeyondTheEndIsMalformed) {
  for (const std::uint64_t length : {std::uint64_t{3}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    std::string out;
    put_varint(out, length);
    out += "ab";
    Reader in(out);
    EXPECT_EQ(in.bytes(), "");
    EXPECT_FALSE(in.ok());
  }
}

TEST(Wire, TheFirstBadFieldMakesAllThatFollowBad) {
  Reader in(std::string_view("\x05ok", 3));
  EXPECT_EQ(in.u32(), 0U);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.u8(), 0);
  EXPECT_EQ(in.varint(), 0U);
  EXPECT_EQ(in.bytes(), "");
  EXPECT_EQ(in.remaining(), 0U);
  EXPECT_FALSE(in.ok());
}

TEST(Wire, EveryCutIsNoticed) {
  std::string whole;
  put_u8(whole, 1);
  put_u32(whole, 2);
  put_u64(whole, 3);
  put_varint(whole, 1 << 20);
  put_signed(whole, -(1 << 20));
  put_bytes(whole, "text");
  const auto read = [](std::string_view bytes) {
    Reader in(bytes);
    in.u8();
    in.u32();
    in.u64();
    in.varint();
    in.signed_varint();
    in.bytes();
    return in.ok();
  };
  EXPECT_TRUE(read(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(read(std::string_view(whole).substr(0, length))) << length;
  }
}

RC_GTEST_PROP(Wire, WhatIsPutIsRead,
              (const std::vector<std::uint64_t>& numbers, const std::vector<std::int64_t>& signeds,
               const std::vector<std::string>& texts)) {
  std::string out;
  for (const auto n : numbers) put_varint(out, n);
  for (const auto n : signeds) put_signed(out, n);
  for (const auto& text : texts) put_bytes(out, text);
  Reader in(out);
  for (const auto n : numbers) RC_ASSERT(in.varint() == n);
  for (const auto n : signeds) RC_ASSERT(in.signed_varint() == n);
  for (const auto& text : texts) RC_ASSERT(in.bytes() == text);
  RC_ASSERT(in.ok() && in.at_end());
}

RC_GTEST_PROP(Wire, AnyBytesAreReadWithinTheirBounds, (const std::string& bytes)) {
  Reader in(bytes);
  while (in.ok() && !in.at_end()) {
    const std::size_t before = in.remaining();
    const std::string_view text = in.bytes();
    RC_ASSERT(text.size() <= before);
    RC_ASSERT(in.remaining() < before);
  }
}

}  // namespace
}  // namespace holdfast::wire
