// SPDX-License-Identifier: Apache-2.0
#include "command/lcs.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

namespace holdfast::command {
namespace {

// The textbook's table: what the words of bits must say.
std::vector<std::vector<std::size_t>> lengths_of(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      table[i][j] = a[i - 1] == b[j - 1] ? table[i - 1][j - 1] + 1
                                         : std::max(table[i - 1][j], table[i][j - 1]);
    }
  }
  return table;
}

std::string text_of(std::size_t bytes, char letters) {
  const auto letter = rc::gen::inRange('a', static_cast<char>('a' + letters));
  return *rc::gen::container<std::string>(bytes, letter);
}

RC_GTEST_PROP(CommonSubsequence, IsWhatTheWholeTableSays, ()) {
  const auto letters = static_cast<char>(*rc::gen::inRange(1, 6));
  const std::string a = text_of(*rc::gen::inRange<std::size_t>(0, 200), letters);
  const std::string b = text_of(*rc::gen::inRange<std::size_t>(0, 200), letters);
  const CommonSubsequence common(a, b);
  const auto table = lengths_of(a, b);
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) RC_ASSERT(common.length(i, j) == table[i][j]);
  }
  std::size_t bytes = 0, end_in_a = a.size(), end_in_b = b.size();
  for (const auto& run : common.runs()) {
    RC_ASSERT(run.in_a + run.bytes <= end_in_a && run.in_b + run.bytes <= end_in_b);
    RC_ASSERT(a.substr(run.in_a, run.bytes) == b.substr(run.in_b, run.bytes));
    end_in_a = run.in_a;
    end_in_b = run.in_b;
    bytes += run.bytes;
  }
  RC_ASSERT(bytes == table[a.size()][b.size()]);
}

}  // namespace
}  // namespace holdfast::command
