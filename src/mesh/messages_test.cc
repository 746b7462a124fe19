// SPDX-License-Identifier: Apache-2.0
#include "mesh/messages.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "base/limits.h"

namespace holdfast::mesh {
namespace {

TEST(Messages, AreWrittenDownSo) {
  MessagesOut out;
  ASSERT_TRUE(out.add({ChannelKind::shard, "ab", "xyz"}));
  FrameWriter frames;
  std::string bytes;
  ASSERT_TRUE(out.pump(frames, bytes, 1_MiB));
  const std::string body = bytes.substr(frame_head_bytes, bytes.size() - frame_head_bytes - 8);
  EXPECT_EQ(body, std::string("\x07\0\0\0\x01\x02"
                              "abxyz",
                              11));
}

// However they are cut, the same come out.
TEST(Messages, ComeOutAsTheyWentInWhereverFramesEnd) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    MessagesOut out;
    FrameWriter writer;
    std::string wire;
    std::vector<std::pair<std::string, std::string>> sent;
    for (int i = 0; i < 20; ++i) {
      const std::size_t size = random() % 8 == 0 ? random() % 600'000 : random() % 50;
      sent.emplace_back("c" + std::to_string(random() % 5), std::string(size, 'a' + char(i)));
      ASSERT_TRUE(out.add({ChannelKind::usual, sent.back().first, sent.back().second}));
      if (random() % 3 == 0) out.pump(writer, wire, random() % 1'000'000);
    }
    while (!out.empty()) out.pump(writer, wire, wire.size() + 1);
    FrameReader reader;
    MessagesIn in;
    std::vector<std::pair<std::string, std::string>> heard;
    std::size_t at = 0;
    while (true) {
      const auto frame = reader.next();
      ASSERT_TRUE(frame);
      if (*frame) {
        in.take((*frame)->body);
        while (true) {
          const auto message = in.next();
          ASSERT_TRUE(message);
          if (!*message) break;
          heard.emplace_back((*message)->channel, (*message)->text);
        }
        continue;
      }
      if (at == wire.size()) break;
      const auto room = reader.room();
      const std::size_t n = std::min(room.size(), wire.size() - at);
      wire.copy(room.data(), n, at);
      reader.received(n);
      at += n;
    }
    ASSERT_EQ(heard, sent);
  }
}

TEST(Messages, WhatIsNoneIsRefused) {
  const auto next = [](std::string_view bytes) {
    MessagesIn in;
    in.take(bytes);
    return in.next();
  };
  EXPECT_FALSE(next(std::string_view("\xFF\xFF\xFF\xFF", 4))) << "too long";
  EXPECT_FALSE(next(std::string_view("\x02\0\0\0\x07\0", 6))) << "no kind";
  EXPECT_FALSE(next(std::string_view("\x02\0\0\0\0\x05", 6))) << "a channel that is cut";
  EXPECT_FALSE(next(std::string_view("\0\0\0\0", 4))) << "nothing at all";
  EXPECT_TRUE(next(std::string_view("\x02\0\0\0\0\0", 6)));
}

TEST(Messages, NoMoreWaitThanMay) {
  MessagesOut out;
  const std::string text(limits::message_bytes_max - 1, 'x');
  std::size_t taken = 0;
  while (out.add({ChannelKind::usual, "c", text})) ++taken;
  EXPECT_EQ(taken, limits::mesh_messages_bytes_max / limits::message_bytes_max - 1);
  out.clear();
  EXPECT_TRUE(out.add({ChannelKind::usual, "c", text}));
}

}  // namespace
}  // namespace holdfast::mesh
