// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace holdfast::command {

/// A longest common subsequence of two texts, which must outlive it: that one of several which
/// Redis' LCS finds. Time and bytes are |a| × |b| / 64 and / 8.
class CommonSubsequence {
 public:
  CommonSubsequence(std::string_view a, std::string_view b);

  /// That of the first `i` bytes of a and the first `j` of b. O(i / 64).
  std::size_t length(std::size_t i, std::size_t j) const;

  /// Neighbours in both texts.
  struct Run {
    std::size_t in_a, in_b, bytes;
  };
  /// From the last to the first. O(|a| × |b| / 64).
  std::vector<Run> runs() const;

 private:
  /// Whether the length with i bytes of a is more than with i - 1, at j bytes of b.
  bool grows(std::size_t i, std::size_t j) const;

  std::string_view a_, b_;
  std::size_t words_;                 // of a row
  std::vector<std::uint64_t> steps_;  // a row for each j: where the length does not grow
};

}  // namespace holdfast::command
