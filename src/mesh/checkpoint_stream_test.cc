// SPDX-License-Identifier: Apache-2.0
#include "mesh/checkpoint_stream.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "base/wire.h"

namespace holdfast::mesh {
namespace {

using testing::HasSubstr;

using Key = std::pair<Family, std::string>;
using Rows = std::map<Key, std::string>;

CheckpointWriter writer_to(std::string& out) {
  return CheckpointWriter([&out](std::string_view frame) {
    out.append(frame);
    return Status();
  });
}

std::string stream_of(const Rows& rows, const Begin& begin = {.node = "n1", .position = {7}}) {
  std::string out;
  CheckpointWriter writer = writer_to(out);
  EXPECT_TRUE(writer.begin(begin));
  for (const auto& [key, value] : rows) EXPECT_TRUE(writer.row(key.first, key.second, value));
  EXPECT_TRUE(writer.end());
  return out;
}

struct Receiver {
  /// In pieces of at most `step` bytes.
  Status take(std::string_view bytes, std::size_t step = std::string_view::npos) {
    while (!bytes.empty()) {
      const std::span<char> room = reader.room();
      room_max = std::max(room_max, room.size());
      const std::size_t n = std::min({step, bytes.size(), room.size()});
      std::memcpy(room.data(), bytes.data(), n);
      bytes.remove_prefix(n);
      if (Status s = reader.received(n); !s) return s;
    }
    return {};
  }
  Rows rows;
  std::size_t room_max = 0;
  CheckpointReader reader{[this](Family family, std::string_view key, std::string_view value) {
    rows.emplace(Key(family, key), value);
    return Status();
  }};
};

const Rows some_rows = {
    {{Family::meta, "catalog"}, "c"},
    {{Family::meta, "machine"}, ""},
    {{Family::table, std::string("\0\0\0\2a", 5)}, std::string("\0\xFF\r\n", 4)},
    {{Family::ids, "i"}, "17"}};

/// A stream of these frames, well framed whatever their bodies are.
std::string framed(const std::vector<std::pair<FrameType, std::string>>& frames) {
  FrameWriter writer;
  std::string out;
  for (const auto& [type, body] : frames) writer.put(out, type, body);
  return out;
}

std::string begin_body() {
  return std::string("\1\2n1", 4) + std::string(16, '\0');
}

RC_GTEST_PROP(CheckpointStream, RowsArriveAsTheyWereSentHoweverTheBytesAreCut, ()) {
  const auto keys = *rc::gen::container<std::vector<std::pair<int, std::string>>>(
      rc::gen::pair(rc::gen::inRange(0, 4), rc::gen::arbitrary<std::string>()));
  Rows rows;
  for (const auto& [family, key] : keys) {
    // Now and then a row that needs more frames than one.
    const std::size_t size = *rc::gen::weightedOneOf<std::size_t>(
        {{20, rc::gen::inRange<std::size_t>(0, 300)},
         {1, rc::gen::inRange<std::size_t>(0, 3 * limits::mesh_frame_bytes_max)}});
    rows[{static_cast<Family>(family), key}] = std::string(size, static_cast<char>(size));
  }
  const Begin begin{.node = "n1",
                    .position = {*rc::gen::arbitrary<std::uint64_t>()},
                    .rows_estimate = *rc::gen::arbitrary<std::uint64_t>()};
  Receiver receiver;
  const Status taken =
      receiver.take(stream_of(rows, begin), *rc::gen::inRange<std::size_t>(1, 9'000));
  RC_ASSERT(taken.has_value());
  RC_ASSERT(receiver.reader.ended());
  RC_ASSERT(receiver.rows == rows);
  RC_ASSERT(receiver.reader.begun() == begin);
  RC_ASSERT(receiver.reader.totals().rows == rows.size());
}

TEST(CheckpointStream, ARowOfEverySizeAroundAFramesIsCarried) {
  for (std::size_t off = 0; off < 40; ++off) {
    const Rows rows = {
        {{Family::table, "key"}, std::string(limits::mesh_frame_bytes_max - off, 'v')},
        {{Family::table, "kez"}, "next"},
        {{Family::table, std::string(limits::mesh_row_key_bytes_max, 'k')}, std::string(off, 'v')},
        {{Family::table, std::string(limits::mesh_row_key_bytes_max, 'l')},
         std::string(2 * limits::mesh_frame_bytes_max + off, 'v')}};
    Receiver receiver;
    ASSERT_TRUE(receiver.take(stream_of(rows)));
    EXPECT_TRUE(receiver.reader.ended());
    EXPECT_EQ(receiver.rows, rows);
  }
}

TEST(CheckpointStream, AKeyLargerThanAnyCanBeIsNotSent) {
  std::string out;
  CheckpointWriter writer = writer_to(out);
  ASSERT_TRUE(writer.begin({}));
  EXPECT_FALSE(writer.row(Family::table, std::string(limits::mesh_row_key_bytes_max + 1, 'k'), ""));
}

TEST(CheckpointStream, AFlippedBitAnywhereIsNoticed) {
  const std::string whole = stream_of(some_rows);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      Receiver receiver;
      const Status taken = receiver.take(damaged);
      // A length that grew waits for more: the connection's end tells.
      ASSERT_TRUE(!taken || !receiver.reader.ended()) << "byte " << at << ", bit " << bit;
      if (!taken) {
        ASSERT_EQ(taken.error().code, Code::corrupt);
      }
      ASSERT_TRUE(!taken || !receiver.reader.closed());
    }
  }
}

TEST(CheckpointStream, ACutStreamHasNotEnded) {
  const std::string whole = stream_of(some_rows);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    Receiver receiver;
    ASSERT_TRUE(receiver.take(whole.substr(0, n)));
    ASSERT_FALSE(receiver.reader.ended());
    const Status closed = receiver.reader.closed();
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().code, Code::unavailable);
  }
}

TEST(CheckpointStream, AFrameLostRepeatedOrMovedIsNoticed) {
  std::vector<std::string> frames;
  CheckpointWriter writer([&frames](std::string_view frame) {
    frames.emplace_back(frame);
    return Status();
  });
  ASSERT_TRUE(writer.begin({}));
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(writer.row(Family::table, key, "v"));
    ASSERT_TRUE(writer.flush());
  }
  ASSERT_TRUE(writer.end());
  ASSERT_EQ(frames.size(), 5u);
  const auto refused = [](const std::vector<std::string>& changed) {
    Receiver receiver;
    Status taken;
    for (const std::string& frame : changed) {
      if (taken) taken = receiver.take(frame);
    }
    return !taken && taken.error().code == Code::corrupt;
  };
  EXPECT_FALSE(refused(frames));
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    auto lost = frames;
    lost.erase(lost.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_TRUE(refused(lost)) << i;
    auto repeated = frames;
    repeated.insert(repeated.begin() + static_cast<std::ptrdiff_t>(i), frames[i]);
    EXPECT_TRUE(refused(repeated)) << i;
    auto moved = frames;
    std::swap(moved[i], moved[i + 1]);
    EXPECT_TRUE(refused(moved)) << i;
  }
}

TEST(CheckpointStream, WhatIsWellFramedButNoCheckpointIsRefused) {
  const std::string begin = begin_body();
  const std::string end(24, '\0');
  const auto row = [](char family, const std::string& key) {
    std::string body(1, family);
    wire::put_bytes(body, key);
    wire::put_bytes(body, "v");
    return body;
  };
  const auto piece = [](char family, char last, const std::string& key, const std::string& bytes) {
    std::string body{family, last};
    wire::put_bytes(body, key);
    return body + bytes;
  };
  using Type = FrameType;
  using Frames = std::vector<std::pair<FrameType, std::string>>;
  const std::pair<Type, std::string> first{Type::begin, begin};
  const std::vector<std::pair<Frames, const char*>> cases = {
      {{{Type::rows, row(1, "a")}}, "does not begin"},
      {{{Type::end, end}}, "does not begin"},
      {{{Type::hello, begin}}, "does not begin"},
      {{{Type::begin, "\2" + begin.substr(1)}}, "version 2"},
      {{{Type::begin, begin + "x"}}, "malformed beginning"},
      {{{Type::begin, begin.substr(0, begin.size() - 1)}}, "malformed beginning"},
      {{{Type::begin, ""}}, "malformed beginning"},
      {{first, first}, "begins twice"},
      {{first, {Type::hello, ""}}, "no place"},
      {{first, {Type::rows, ""}}, "no family"},
      {{first, {Type::rows, row(4, "a")}}, "no family"},
      {{first, {Type::rows, row(1, "a") + "\5x"}}, "malformed row"},
      {{first, {Type::rows, row(1, "a")}, {Type::rows, row(1, "a")}}, "out of their order"},
      {{first, {Type::rows, row(1, "b")}, {Type::rows, row(1, "a")}}, "out of their order"},
      {{first, {Type::rows, row(2, "a")}, {Type::rows, row(1, "b")}}, "out of their order"},
      {{first, {Type::rows, row(1, std::string(limits::mesh_row_key_bytes_max + 1, 'k'))}},
       "key larger"},
      {{first, {Type::piece, piece(1, 0, "a", "")}}, "malformed piece"},
      {{first, {Type::piece, piece(1, 2, "a", "x")}}, "malformed piece"},
      {{first, {Type::piece, piece(9, 0, "a", "x")}}, "malformed piece"},
      {{first, {Type::piece, piece(1, 0, "a", "x")}, {Type::piece, piece(1, 1, "b", "x")}},
       "pieces of two rows"},
      {{first, {Type::piece, piece(1, 0, "a", "x")}, {Type::piece, piece(2, 1, "a", "x")}},
       "pieces of two rows"},
      {{first, {Type::piece, piece(1, 0, "a", "x")}, {Type::rows, row(1, "b")}}, "last piece"},
      {{first, {Type::piece, piece(1, 0, "a", "x")}, {Type::end, end}}, "last piece"},
      {{first, {Type::end, end + "x"}}, "malformed end"},
      {{first, {Type::end, ""}}, "malformed end"},
      {{first, {Type::rows, row(1, "a")}, {Type::end, end}}, "1 rows of 2 bytes came of 0 rows"},
      {{first, {Type::end, end}, first}, "behind its end"},
      {{first, {Type::error, ""}}, "malformed refusal"},
      {{first, {Type::error, std::string("\4\1x")}}, "malformed refusal"},
  };
  for (const auto& [frames, says] : cases) {
    Receiver receiver;
    const Status taken = receiver.take(framed(frames));
    ASSERT_FALSE(taken) << says;
    EXPECT_EQ(taken.error().code, Code::corrupt);
    EXPECT_THAT(taken.error().message, HasSubstr(says));
  }
}

TEST(CheckpointStream, BytesBehindTheEndAreRefused) {
  Receiver receiver;
  EXPECT_FALSE(receiver.take(stream_of({}) + "x"));
}

TEST(CheckpointStream, AFrameWithoutRowsSaysThatTheSenderIsAtWork) {
  std::string out;
  CheckpointWriter writer = writer_to(out);
  ASSERT_TRUE(writer.begin({}));
  ASSERT_TRUE(writer.row(Family::table, "a", "1"));
  ASSERT_TRUE(writer.flush());
  const std::size_t before = out.size();
  ASSERT_TRUE(writer.flush());
  EXPECT_GT(out.size(), before);
  ASSERT_TRUE(writer.row(Family::table, "b", "2"));
  ASSERT_TRUE(writer.end());
  Receiver receiver;
  ASSERT_TRUE(receiver.take(out));
  EXPECT_TRUE(receiver.reader.ended());
  EXPECT_EQ(receiver.rows.size(), 2u);
}

TEST(CheckpointStream, ARefusalIsTheErrorThatItSays) {
  for (const auto& [refusal, code] :
       {std::pair(Refusal::busy, Code::busy), std::pair(Refusal::refused, Code::err),
        std::pair(Refusal::failed, Code::unavailable)}) {
    FrameWriter frames;
    std::string out;
    put_error(frames, out, refusal, "not\nnow\x1B[2J");
    Receiver receiver;
    const Status taken = receiver.take(out);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, code);
    EXPECT_EQ(taken.error().message, "not?now?[2J") << "one line of a log, and harmless";
  }
  std::string out;
  CheckpointWriter writer = writer_to(out);
  ASSERT_TRUE(writer.begin({}));
  ASSERT_TRUE(writer.error(Refusal::failed, std::string(5'000, 'x')));
  Receiver receiver;
  const Status taken = receiver.take(out);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().message.size(), limits::mesh_error_bytes_max);
}

TEST(CheckpointStream, RoomIsMadeAsBytesComeNotAsTheyAreAnnounced) {
  std::string head;
  wire::put_u32(head, limits::mesh_frame_bytes_max);
  wire::put_u8(head, static_cast<std::uint8_t>(FrameType::begin));
  Receiver receiver;
  ASSERT_TRUE(receiver.take(head));
  EXPECT_LE(receiver.reader.room().size(), 4_KiB);
  ASSERT_TRUE(receiver.take(std::string(100'000, 'x'), 1'000));
  EXPECT_LE(receiver.room_max, 110'000u);

  std::string too_long;
  wire::put_u32(too_long, limits::mesh_frame_bytes_max + 1);
  wire::put_u8(too_long, static_cast<std::uint8_t>(FrameType::begin));
  Receiver strict;
  EXPECT_FALSE(strict.take(too_long));
}

Result<Hello> greeting_in(std::string_view bytes) {
  FrameReader frames(limits::mesh_hello_bytes_max);
  while (true) {
    const std::span<char> room = frames.room();
    const std::size_t n = std::min(bytes.size(), room.size());
    std::memcpy(room.data(), bytes.data(), n);
    bytes.remove_prefix(n);
    frames.received(n);
    const auto frame = frames.next();
    if (!frame) return tl::unexpected(frame.error());
    if (*frame) return read_hello(**frame);
    if (n == 0) return fail(Code::unavailable, "cut");
  }
}

std::string bytes_of(const Hello& hello) {
  FrameWriter frames;
  std::string out;
  put_hello(frames, out, hello);
  return out;
}

TEST(CheckpointStream, AGreetingArrivesAndOtherProtocolsAreRefusedAtTheirFirstBytes) {
  const Hello hello{.cluster = "shop", .node = "n2"};
  EXPECT_EQ(greeting_in(bytes_of(hello)).value(), hello);
  const Hello all{.purpose = Purpose::probe,
                  .cluster = "shop",
                  .node = "n2",
                  .origin = 7,
                  .nonce = make_nonce(),
                  .has_data = false,
                  .id_is_taken = true,
                  .address = "n2:7381",
                  .since = 8,
                  .has_of_you = 9};
  EXPECT_EQ(greeting_in(bytes_of(all)).value(), all);
  for (const char* other :
       {"GET / HTTP/1.1\r\n", "PING\r\n", "*1\r\n$4\r\nPING\r\n", "\x16\x03\x01\x02\x01\x01"}) {
    const auto read = greeting_in(other);
    ASSERT_FALSE(read) << other;
    EXPECT_EQ(read.error().code, Code::corrupt) << other;
  }
  const std::string whole = bytes_of(hello);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(greeting_in(damaged)) << at;
  }
  EXPECT_FALSE(greeting_in(bytes_of({.cluster = "shop", .node = "n2\nline"})));
  EXPECT_FALSE(greeting_in(bytes_of({.cluster = std::string(300, 'c'), .node = "n2"})));
  EXPECT_FALSE(greeting_in(stream_of({})));
}

TEST(CheckpointStream, GreetingsOfNodesOneVersionApartFindTheVersionThatBothKnow) {
  const std::uint8_t next = protocol_version + 1;
  Hello newer{.version = next, .oldest = protocol_version, .cluster = "shop", .node = "n2"};
  const auto read = greeting_in(framed({{FrameType::hello, encode(newer) + "what it says more"}}));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, newer);
  EXPECT_EQ(common_version(*read).value(), protocol_version);
  // This version has no more to say.
  const Hello own{.cluster = "shop", .node = "n2"};
  EXPECT_FALSE(greeting_in(framed({{FrameType::hello, encode(own) + "x"}})));
  EXPECT_EQ(common_version(own).value(), protocol_version);
  Hello older = own;
  older.version = older.oldest = protocol_version_oldest;
  EXPECT_EQ(common_version(older).value(), protocol_version_oldest);
  EXPECT_EQ(common_version(own, protocol_version_oldest).value(), protocol_version_oldest);
}

TEST(CheckpointStream, OfAGreetingWithoutACommonVersionOnlyTheVersionsAreRead) {
  const auto read =
      greeting_in(framed({{FrameType::hello, "\x09\x08what comes then is not known"}}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->version, 9);
  const auto common = common_version(*read);
  ASSERT_FALSE(common);
  EXPECT_THAT(common.error().message, testing::HasSubstr("not 8 to 9"));
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

// The bytes of docs/formats/checkpoint-stream.md.
TEST(CheckpointStream, ItsBytesAreThoseOfTheDocument) {
  EXPECT_EQ(hex(bytes_of({.cluster = "shop", .node = "n2"})),
            "26000000010501010473686f70026e3200000000000000000000000000000000000000000000000000000"
            "03609efea3075a5f3");
  EXPECT_EQ(hex(stream_of({{{Family::meta, "catalog"}, "C"}, {{Family::table, "a"}, "1"}},
                          {.node = "n1", .position = {7}, .rows_estimate = 3})),
            "140000000201026e3107000000000000000300000000000000e3dae890be4d1c6b"
            "0b000000030007636174616c6f6701438939cd64685922e4"
            "050000000301016101313ae51e18790c6329"
            "180000000502000000000000000a00000000000000bdb9fa19e7482dccd5a20cbc4d801936");
  FrameWriter frames;
  std::string busy;
  put_error(frames, busy, Refusal::busy, "later");
  EXPECT_EQ(hex(busy), "070000000601056c617465723d5b0417baa20e5e");
}

}  // namespace
}  // namespace holdfast::mesh
