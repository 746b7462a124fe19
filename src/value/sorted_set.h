// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "value/dense_table.h"
#include "value/score_order.h"

namespace holdfast {

/// A member of a sorted set and its score.
struct Scored {
  SmallString key;
  double score = 0;
  std::size_t heap_bytes() const { return key.heap_bytes(); }
};

/// Byte strings with a score each, in the order of (score, bytes). Ranks count
/// from 0, the lowest. Members also have places as in Set, for what walks or
/// draws by chance: ranks move with every change. No score is NaN.
class SortedSet {
 public:
  /// These, in the order of their places; nullptr when a member is named
  /// twice. Faster than one by one.
  static std::unique_ptr<SortedSet> of(std::vector<Scored> members);

  std::optional<double> score(std::string_view member) const;
  /// True when it was not there. O(log n). A score that is equal already stays as it
  /// is: -0 does not replace 0.
  bool put(std::string_view member, double score);
  bool erase(std::string_view member);
  /// Undoes an erase() of the member that was at that place, as Hash::restore().
  void restore(std::size_t place, std::string_view member, double score);
  std::size_t size() const { return members_.size(); }

  std::string_view member_at(std::size_t place) const { return members_.at(place).key.view(); }
  double score_at(std::size_t place) const { return members_.at(place).score; }

  /// O(log n).
  std::optional<std::size_t> rank(std::string_view member) const;
  /// How many have a lower score; with `or_equal`, that one too. O(log n).
  std::size_t count_below(double score, bool or_equal) const;
  /// The same of bytes. Means something only where all scores are equal.
  std::size_t count_before(std::string_view member, bool or_equal) const;
  /// The places of `n` members from that rank on, which must be there. O(log size + n).
  std::vector<std::uint32_t> slice(std::size_t rank, std::size_t n) const {
    return order_.slice(rank, n);
  }
  /// As DenseTable::pieces().
  Pieces* pieces() { return members_.pieces(); }
  /// O(n).
  std::size_t heap_bytes() const { return members_.heap_bytes() + order_.heap_bytes(); }

 private:
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
  std::size_t rank_of(double score, std::string_view member) const;
  ScoreOrder::Entry entry_of(std::size_t place) const;

  DenseTable<Scored> members_;
  ScoreOrder order_;
};

}  // namespace holdfast
