// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/reply.h"
#include "command/row.h"
#include "value/sorted_set.h"

/// What the commands on sorted sets share: parts of one as arguments name them,
/// and what is replied or stored of it. A function that is given a Reply and
/// returns nothing has written Redis' error there.
namespace holdfast::command {

/// Ranks from `first` on.
struct Ranks {
  std::size_t first = 0;
  std::size_t size = 0;
};

enum class RangeBy : std::uint8_t { rank, score, bytes };

/// Both ends of a part, read but not looked up yet.
class Range {
 public:
  /// By rank, ends count from the end if negative, and from the highest member if `reverse`.
  static std::optional<Range> read(RangeBy by, std::string_view min, std::string_view max,
                                   bool reverse, Reply& reply);
  Ranks of(const SortedSet& set) const;

 private:
  struct End {
    enum class At : std::uint8_t { lowest, value, highest };
    At at = At::value;
    bool open = false;
    std::int64_t rank = 0;
    double score = 0;
    std::string_view bytes;
  };
  static std::optional<End> read_score(std::string_view text);
  static std::optional<End> read_bytes(std::string_view text);
  Ranks by_rank(std::size_t size) const;
  std::size_t count_to(const SortedSet& set, const End& end, bool with_equal) const;

  RangeBy by_ = RangeBy::rank;
  bool reverse_ = false;
  End min_, max_;
};

/// A score as it is kept: -0 becomes 0, as in Redis' small sorted sets. (Its large ones keep the
/// sign, so there it depends on the size.)
inline double kept_score(double score) {
  return score + 0.0;
}

/// Members from `places`, from the last on if `reverse`; with their scores as pairs.
void reply_members(const SortedSet& set, const std::vector<std::uint32_t>& places, bool with_scores,
                   bool reverse, Reply& reply);

/// Replaces whatever the key held; none leaves no key. Replies how many. No member twice.
void store_members(Context& ctx, std::string_view key, std::vector<Scored> members, Reply& reply);
/// The same in an eventual keyspace.
void store_members(EventualContext& ctx, std::string_view key, const std::vector<Scored>& members,
                   Reply& reply);

/// Gives a member of an eventual keyspace this score.
void emit_score(EventualContext& ctx, std::string_view key, std::string_view member, double score);

}  // namespace holdfast::command
