// SPDX-License-Identifier: Apache-2.0
#include "node/token.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast::node {
namespace {

Token a_token() {
  Token token;
  token.strong = Position{123'456'789};
  token.eventual.raise(eventual::OriginId{7}, 42);
  token.eventual.raise(eventual::OriginId{~0ULL}, 1);
  return token;
}

TEST(Token, ComesBackFromItsText) {
  const auto back = Token::decode(a_token().encode());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->strong, a_token().strong);
  EXPECT_EQ(back->eventual, a_token().eventual);
}

TEST(Token, IsOneWordOfPrintableText) {
  for (const char c : a_token().encode()) EXPECT_TRUE(c > ' ' && c <= '~') << int{c};
}

TEST(Token, OneWrongCharacterMakesItNone) {
  const std::string text = a_token().encode();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    const auto back = Token::decode(other);
    // The last character of base64 can carry bits that stand for nothing.
    EXPECT_EQ(back ? back->encode() : text, text);
  }
  EXPECT_FALSE(Token::decode(""));
  EXPECT_FALSE(Token::decode("AAAA"));
}

RC_GTEST_PROP(Token, AnyTextIsReadWithoutHarm, (const std::string& text)) {
  if (const auto token = Token::decode(text)) RC_ASSERT(Token::decode(token->encode()));
}

}  // namespace
}  // namespace holdfast::node
