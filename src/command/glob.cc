// SPDX-License-Identifier: Apache-2.0
#include "command/glob.h"

#include <algorithm>
#include <cstddef>

namespace holdfast::command {
namespace {

struct Step {
  bool matches;
  std::size_t next;  // in the pattern
};

// A class: pattern[at] is the byte after '['. One that is not closed ends with
// the pattern.
Step match_class(std::string_view pattern, std::size_t at, char c) {
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      found |= pattern[at + 1] == c;
      at += 2;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      const auto [low, high] = std::minmax(pattern[at], pattern[at + 2]);
      found |= c >= low && c <= high;
      at += 3;
    } else {
      found |= pattern[at] == c;
      ++at;
    }
  }
  return {found != negated, std::min(at + 1, pattern.size())};
}

// What is at `at` is no star.
Step match_one(std::string_view pattern, std::size_t at, char c) {
  switch (pattern[at]) {
    case '?':
      return {true, at + 1};
    case '[':
      return match_class(pattern, at + 1, c);
    case '\\':
      if (at + 1 < pattern.size()) ++at;
      [[fallthrough]];
    default:
      return {pattern[at] == c, at + 1};
  }
}

}  // namespace

// Only the last star is ever gone back to: what an earlier one could take
// more, the last one can take as well.
bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    if (p < pattern.size()) {
      const Step step = match_one(pattern, p, text[t]);
      if (step.matches) {
        p = step.next;
        ++t;
        continue;
      }
    }
    if (star == std::string_view::npos) return false;
    p = star;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace holdfast::command
