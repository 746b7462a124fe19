// SPDX-License-Identifier: Apache-2.0
#include "base/small_string.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace holdfast {
namespace {

// Around the border between inline and heap.
const std::vector<std::size_t> lengths{0, 1, 14, 15, 16, 17, 254, 255, 256, 100'000};

std::string text_of(std::size_t length) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text.push_back(static_cast<char>(i * 7));
  return text;
}

TEST(SmallString, HoldsAnyBytesOfAnyLength) {
  for (const std::size_t length : lengths) {
    const std::string text = text_of(length);
    const SmallString string(text);
    EXPECT_EQ(string.view(), text);
    EXPECT_EQ(string.size(), length);
    EXPECT_EQ(string.heap_bytes(), length <= SmallString::inline_max ? 0U : length);
  }
  EXPECT_EQ(SmallString(std::string(15, '\xFF')).view(), std::string(15, '\xFF'));
  EXPECT_EQ(SmallString(std::string(3, '\0')).size(), 3U);
  EXPECT_EQ(SmallString().view(), "");
}

TEST(SmallString, CopiesAreIndependentAndMovesLeaveNothing) {
  for (const std::size_t length : lengths) {
    const std::string text = text_of(length);
    SmallString original(text);
    SmallString copy(original);
    SmallString moved(std::move(original));
    EXPECT_EQ(copy, text);
    EXPECT_EQ(moved, text);
    EXPECT_EQ(original.size(), 0U);  // NOLINT: the header says so

    SmallString assigned(std::string(40, 'x'));
    assigned = copy;
    EXPECT_EQ(assigned, text);
    SmallString taken(std::string(40, 'y'));
    taken = std::move(assigned);
    EXPECT_EQ(taken, text);
    original = taken;
    EXPECT_EQ(original, text) << "what was moved from can be used again";
  }
}

TEST(SmallString, AssigningItselfChangesNothing) {
  for (const std::size_t length : lengths) {
    SmallString string(text_of(length));
    const SmallString& alias = string;
    string = alias;
    EXPECT_EQ(string, text_of(length));
    SmallString& mutable_alias = string;
    string = std::move(mutable_alias);
    EXPECT_EQ(string, text_of(length));
  }
}

RC_GTEST_PROP(SmallString, ComparesAsItsBytesDo, (const std::string& a, const std::string& b)) {
  const SmallString x(a);
  const SmallString y(b);
  RC_ASSERT((x == y) == (a == b));
  RC_ASSERT((x < y) == (std::string_view(a) < std::string_view(b)));
  RC_ASSERT(x == a);
}

}  // namespace
}  // namespace holdfast
