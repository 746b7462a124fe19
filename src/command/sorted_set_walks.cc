// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "command/families.h"
#include "command/glob.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "command/random.h"
#include "value/sorted_set.h"

namespace holdfast::command {
namespace {

void reply_random(const SortedSet& set, std::size_t place, bool with_scores, Reply& reply) {
  if (with_scores) reply.array(2);
  reply.bulk(set.member_at(place));
  if (with_scores) reply.real(set.score_at(place));
}

// A negative count may repeat members, a positive one does not.
void zrandmember_many(const SortedSet& set, std::int64_t count, bool with_scores, Random random,
                      Reply& reply) {
  if (count < 0) {
    const auto places = repeated_places(
        random, set.size(), static_cast<std::uint64_t>(-count),
        [&](std::size_t place) { return set.member_at(place).size() + sizeof(double); });
    if (!places) return reply.raw_error(errors::out_of_range);
    reply.array(places->size());
    for (const std::size_t place : *places) reply_random(set, place, with_scores, reply);
    return;
  }
  const std::size_t n = std::min(static_cast<std::size_t>(count), set.size());
  reply.array(n);
  RandomPlaces places(random, set.size());
  for (std::size_t i = 0; i < n; ++i) reply_random(set, places.next(), with_scores, reply);
}

void zrandmember(Table& table, Instant now, Args args, Reply& reply) {
  std::int64_t count = 1;
  const bool with_scores = args.size() == 4;
  if (args.size() >= 3) {
    const auto number = signed_count_argument(args[2], reply);
    if (!number) return;
    if (args.size() > 4 || (with_scores && !equals_nocase(args[3], "WITHSCORES"))) {
      return reply.raw_error(errors::syntax);
    }
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 2;
    if (with_scores && (*number < -most || *number > most)) {
      return reply.raw_error(errors::out_of_range);
    }
    count = *number;
  }
  const auto set = find_sorted_set(table, args[1], now, reply);
  if (!set) return;
  const bool one = args.size() == 2;
  if (*set == nullptr) return one ? reply.null() : reply.array(0);
  Random random = random_of_read(table, now, reply);
  if (one) return reply.bulk((*set)->member_at(random.below((*set)->size())));
  zrandmember_many(**set, count, with_scores, random, reply);
}

// By places, downward, as SSCAN: ranks move with every change (value/sorted_set.h).
void zscan(Table& table, Instant now, Args args, Reply& reply) {
  const auto cursor = cursor_argument(args[2], reply);
  if (!cursor) return;
  const auto set = find_sorted_set(table, args[1], now, reply);
  if (!set) return;
  const auto options = *set == nullptr ? ScanOptions{} : scan_options(args, 3, reply);
  if (!options) return;
  const std::size_t size = *set == nullptr ? 0 : (*set)->size();
  const std::size_t from = *cursor == 0 ? size : std::min<std::size_t>(*cursor, size);
  const std::size_t end = from - std::min(options->count, from);
  std::vector<std::size_t> places;
  for (std::size_t i = from; i-- > end;) {
    if (!options->match || glob_match(*options->match, (*set)->member_at(i))) places.push_back(i);
  }
  reply.array(2);
  reply.bulk(std::to_string(end));
  reply.array(places.size() * 2);
  for (const std::size_t place : places) {
    reply.bulk((*set)->member_at(place));
    reply.bulk_real((*set)->score_at(place));
  }
}

constexpr std::string_view local_view = "this replica's view";

constexpr Row rows[] = {
    {.name = "ZRANDMEMBER",
     .code = 346,
     .arity = -2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_flat_pairs,
     .read = zrandmember,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key [count [WITHSCORES]]",
     .summary = "Members by chance; a negative count may repeat them",
     .complexity = "O(members replied)",
     .on_eventual = local_view},
    {.name = "ZSCAN",
     .code = 347,
     .arity = -3,
     .keys = first_key,
     .access = Access::read,
     .read = zscan,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walk a sorted set in steps; every member that stays is met. Scores are written as "
                "ZSCORE does",
     .complexity = "O(count)",
     .on_eventual = local_view},
};

}  // namespace

std::span<const Row> score_walk_rows() {
  return rows;
}

}  // namespace holdfast::command
