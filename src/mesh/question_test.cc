// SPDX-License-Identifier: Apache-2.0
// Protects: questions and answers between nodes: their bytes, and that others are refused.
#include "mesh/question.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "eventual/open_key.h"

namespace holdfast::mesh {
namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

Answer an_answer() {
  return {.number = 7,
          .refused = {},
          .says = {.type = Type::set,
                   .size = 2,
                   .value = "x, y",
                   .expiry = instant_from_ms(1'000),
                   .digest = 0x0102030405060708}};
}

// The bytes of docs/formats/mesh.md.
TEST(Question, ItsBytesAreThoseOfTheDocument) {
  EXPECT_EQ(hex(encode(Question{7, KeyspaceId{300}, "likes:1"})),
            "0700000000000000ac02076c696b65733a31");
  EXPECT_EQ(hex(encode(an_answer())), "070000000000000002030204782c2079d00f0807060504030201");
  EXPECT_EQ(hex(encode(Answer{.number = 1, .refused = "no", .says = {}})),
            "010000000000000000026e6f");
  EXPECT_EQ(hex(encode(Answer{.number = 1, .refused = {}, .says = {}})), "010000000000000001");
}

TEST(Question, IsReadAsItWasWritten) {
  const Question question{UINT64_MAX, KeyspaceId{UINT32_MAX}, std::string("k\0k", 3)};
  EXPECT_EQ(decode_question(encode(question)).value(), question);
  Answer answer = an_answer();
  EXPECT_EQ(decode_answer(encode(answer)).value(), answer);
  answer.says.expiry.reset();
  EXPECT_EQ(decode_answer(encode(answer)).value(), answer);
  const Answer refusal{.number = 3, .refused = "it is too late", .says = {}};
  EXPECT_EQ(decode_answer(encode(refusal)).value(), refusal);
}

// What was said of a sorted set was once taken for damage, and the connection ended.
TEST(Question, AnAnswerMayBeOfEveryType) {
  for (const Type type : eventual::types_by_rank) {
    Answer answer = an_answer();
    answer.says.type = type;
    const auto read = decode_answer(encode(answer));
    ASSERT_TRUE(read) << type_name(type);
    EXPECT_EQ(*read, answer);
  }
}

TEST(Question, WhatIsNoneIsRefusedWhereverItEnds) {
  for (const std::string& whole :
       {encode(an_answer()), encode(Answer{.number = 1, .refused = "no", .says = {}})}) {
    for (std::size_t length = 0; length < whole.size(); ++length)
      EXPECT_FALSE(decode_answer(whole.substr(0, length))) << length;
    EXPECT_FALSE(decode_answer(whole + "x"));
  }
  const std::string question = encode(Question{7, KeyspaceId{300}, "likes:1"});
  for (std::size_t length = 0; length < question.size(); ++length)
    EXPECT_FALSE(decode_question(question.substr(0, length))) << length;
  std::string unknown = encode(an_answer());
  for (const char type : {'\0', '\5', '\xFF'}) {  // that no key has
    unknown[9] = type;
    EXPECT_FALSE(decode_answer(unknown));
  }
  unknown[8] = 3;  // a kind of answer
  EXPECT_FALSE(decode_answer(unknown));
}

TEST(Question, IsBounded) {
  const std::string key(limits::key_bytes_max + 1, 'k');
  EXPECT_FALSE(decode_question(encode(Question{1, KeyspaceId{1}, key})));
  Answer long_one = an_answer();
  long_one.says.value.assign(limits::mesh_answer_bytes_max + 1, 'v');
  const auto read = decode_answer(encode(long_one));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->says.value.size(), limits::mesh_answer_bytes_max);
  const auto refusal =
      decode_answer(encode(Answer{.number = 1, .refused = std::string(10'000, 'r'), .says = {}}));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->refused.size(), limits::mesh_error_bytes_max);
}

}  // namespace
}  // namespace holdfast::mesh
