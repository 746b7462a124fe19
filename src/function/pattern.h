// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "function/work.h"

namespace holdfast::function {

/// Lua 5.1's patterns (reference manual 5.1, section 5.4.1), for programs that are not trusted:
/// every step is charged, since a pattern can take time exponential in its length, and
/// recursion has a bound, which Lua 5.1's own lacks. A zero byte is a character as any other.
/// Pure. The subject and pattern must outlive it.
class Pattern {
 public:
  static constexpr std::size_t captures_max = 32;  // as Lua's
  static constexpr int depth_max = 200;            // as later Luas' MAXCCALLS

  /// `pattern` without its anchor.
  Pattern(std::string_view subject, std::string_view pattern, Work& work)
      : subject_(subject), pattern_(pattern), work_(work) {}

  /// Where a match that begins at `begin` ends. Nothing: there is none, or error().
  std::optional<std::size_t> match_at(std::size_t begin);

  /// What is wrong with the pattern, in Lua's words; nullptr: nothing was met so far. Of spent work
  /// `Work` tells.
  const char* error() const { return error_; }

  struct Capture {
    std::size_t begin = 0;
    std::size_t size = 0;
    bool is_position = false;  // "()": begin, counted from 0
  };
  /// Of the last match. One that was not closed is an error, which this sets.
  std::size_t captures() const { return level_; }
  std::optional<Capture> capture(std::size_t index);

 private:
  static constexpr std::size_t none = SIZE_MAX;  // no match
  enum class State : std::uint8_t { open, closed, position };
  struct Group {
    std::size_t begin;
    std::size_t size;
    State state;
  };

  std::size_t match(std::size_t s, std::size_t p, int depth);
  std::size_t expand_most(std::size_t s, std::size_t p, std::size_t after, int depth);
  std::size_t expand_least(std::size_t s, std::size_t p, std::size_t after, int depth);
  std::size_t open_group(std::size_t s, std::size_t p, State state, int depth);
  std::size_t close_group(std::size_t s, std::size_t p, int depth);
  std::size_t balanced(std::size_t s, std::size_t p);
  std::size_t repeated(std::size_t s, unsigned char digit);
  bool at_frontier(std::size_t s, std::size_t p, std::size_t after) const;
  std::size_t end_of_item(std::size_t p);
  bool is_one(std::size_t s, std::size_t p, std::size_t after) const;
  bool in_set(unsigned char c, std::size_t p, std::size_t last) const;
  std::size_t fail(const char* why);
  char pattern_at(std::size_t p) const { return p < pattern_.size() ? pattern_[p] : '\0'; }

  std::string_view subject_;
  std::string_view pattern_;
  Work& work_;
  const char* error_ = nullptr;
  std::size_t level_ = 0;
  std::array<Group, captures_max> groups_{};
};

}  // namespace holdfast::function
