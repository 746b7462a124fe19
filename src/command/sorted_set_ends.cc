// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "command/score_range.h"

namespace holdfast::command {
namespace {

enum class Lies : std::uint8_t { lowest, highest };

/// Takes up to `n` members off one end; none are left of an empty set. `pairs`: an array of
/// each and its score, else one member and score.
void take(Context& ctx, std::string_view key, Lies from, std::size_t n, bool pairs, Reply& reply) {
  SortedSet& set = ctx.table.change(key, ctx.now)->as_sorted_set();
  n = std::min(n, set.size());
  const std::size_t first = from == Lies::lowest ? 0 : set.size() - n;
  auto places = set.slice(first, n);
  if (from == Lies::highest) std::ranges::reverse(places);
  std::vector<std::string> members;
  members.reserve(n);
  if (pairs) reply.array(n);
  for (const std::uint32_t place : places) {
    reply.array(2);
    reply.bulk(set.member_at(place));
    reply.real(set.score_at(place));
    members.emplace_back(set.member_at(place));  // places move as members go
  }
  if (n == set.size()) {
    ctx.table.erase(key);
    return;
  }
  for (const std::string& member : members) set.erase(member);
}

template <Lies from>
void zpop(Context& ctx, Args args, Reply& reply) {
  if (args.size() > 3) return reply.raw_error(errors::syntax);
  const bool counted = args.size() == 3;
  std::size_t n = 1;
  if (counted) {
    const auto number = positive_argument(args[2], reply);
    if (!number) return;
    n = static_cast<std::size_t>(*number);
  }
  const auto found = find_sorted_set(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  if (*found == nullptr || n == 0) return reply.array(0);
  take(ctx, args[1], from, n, counted, reply);
}

/// A count of at least 1.
std::optional<std::size_t> count_argument(std::string_view text, std::string_view refusal,
                                          Reply& reply) {
  const auto number = parse_integer(text);
  if (number && *number >= 1) return static_cast<std::size_t>(*number);
  reply.raw_error(refusal);
  return std::nullopt;
}

void zmpop(Context& ctx, Args args, Reply& reply) {
  const auto keys = count_argument(args[1], "ERR numkeys should be greater than 0", reply);
  if (!keys) return;
  if (*keys > args.size() || 2 + *keys >= args.size()) return reply.raw_error(errors::syntax);
  const Args options = args.subspan(2 + *keys);
  const bool lowest = equals_nocase(options[0], "MIN");
  if (!lowest && !equals_nocase(options[0], "MAX")) return reply.raw_error(errors::syntax);
  std::size_t n = 1;
  if (options.size() > 1) {
    if (!equals_nocase(options[1], "COUNT") || options.size() < 3) {
      return reply.raw_error(errors::syntax);
    }
    const auto count = count_argument(options[2], "ERR count should be greater than 0", reply);
    if (!count) return;
    if (options.size() > 3) return reply.raw_error(errors::syntax);
    n = *count;
  }
  for (const std::string_view key : args.subspan(2, *keys)) {
    const auto found = find_sorted_set(ctx.table, key, ctx.now, reply);
    if (!found) return;
    if (*found == nullptr) continue;
    reply.array(2);
    reply.bulk(key);
    return take(ctx, key, lowest ? Lies::lowest : Lies::highest, n, true, reply);
  }
  reply.null_array();
}

constexpr Row rows[] = {
    {.name = "ZPOPMIN",
     .code = 370,
     .arity = -2,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast | flag_flat_pairs,
     .strong = zpop<Lies::lowest>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key [count]",
     .summary = "Take the lowest members out",
     .complexity = "O(members taken × log N)",
     .on_eventual = taken_by_no_one_else},
    {.name = "ZPOPMAX",
     .code = 371,
     .arity = -2,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast | flag_flat_pairs,
     .strong = zpop<Lies::highest>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key [count]",
     .summary = "Take the highest members out",
     .complexity = "O(members taken × log N)",
     .on_eventual = taken_by_no_one_else},
    {.name = "ZMPOP",
     .code = 372,
     .arity = -4,
     .keys = counted_keys,
     .access = Access::write,
     .strong = zmpop,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Take members out of the first of several sorted sets that is there",
     .complexity = "O(keys + members taken × log N)",
     .on_eventual = taken_by_no_one_else},
};

}  // namespace

std::span<const Row> score_end_rows() {
  return rows;
}

}  // namespace holdfast::command
