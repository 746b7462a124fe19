// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "command/families.h"
#include "command/lookup.h"
#include "command/multi_pop.h"
#include "command/parse.h"

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

/// How many members to take off the set that is there. Nothing: none, and the reply says so.
std::optional<std::size_t> count_to_pop(Table& table, Instant now, Args args, Reply& reply) {
  if (args.size() > 3) {
    reply.raw_error(errors::syntax);
    return std::nullopt;
  }
  std::size_t n = 1;
  if (args.size() == 3) {
    const auto number = positive_argument(args[2], reply);
    if (!number) return std::nullopt;
    n = static_cast<std::size_t>(*number);
  }
  const auto found = find_sorted_set(table, args[1], now, reply);
  if (!found) return std::nullopt;
  if (*found != nullptr && n > 0) return n;
  reply.array(0);
  return std::nullopt;
}

template <Lies from>
void zpop(Context& ctx, Args args, Reply& reply) {
  const auto n = count_to_pop(ctx.table, ctx.now, args, reply);
  if (n) take(ctx, args[1], from, *n, args.size() == 3, reply);
}

bool zpop_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  return !count_to_pop(table, now, args, reply);
}

void take_of_first(Context& ctx, std::string_view key, const MultiPop& pop, Reply& reply) {
  reply.array(2);
  reply.bulk(key);
  take(ctx, key, pop.at_second ? Lies::highest : Lies::lowest, pop.n, true, reply);
}

std::optional<std::string_view> key_of_zmpop(Table& table, Instant now, Args args, MultiPop& pop,
                                             Reply& reply) {
  return key_to_pop_many(table, now, args, false, Attempt::only, Type::sorted_set, "MIN", "MAX",
                         pop, reply);
}

void zmpop(Context& ctx, Args args, Reply& reply) {
  MultiPop pop;
  const auto key = key_of_zmpop(ctx.table, ctx.now, args, pop, reply);
  if (key) take_of_first(ctx, *key, pop, reply);
}

bool zmpop_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  MultiPop pop;
  return !key_of_zmpop(table, now, args, pop, reply);
}

// -- Those that wait

std::optional<std::string_view> key_to_pop(Table& table, Instant now, Args args, Attempt attempt,
                                           Reply& reply) {
  if (!timeout_argument(args.back(), reply)) return std::nullopt;
  return first_of_type(table, args.subspan(1, args.size() - 2), Type::sorted_set, now, attempt,
                       reply);
}

template <Lies from>
void bzpop(Context& ctx, Args args, Reply& reply) {
  const auto key = key_to_pop(ctx.table, ctx.now, args, ctx.attempt, reply);
  if (!key) return;
  std::string taken;
  Reply pair(taken);
  take(ctx, *key, from, 1, false, pair);
  reply.array(3);
  reply.bulk(*key);
  reply.buffer().append(taken, taken.find('\n') + 1);  // the pair without its head
}

bool bzpop_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  return !key_to_pop(table, now, args, Attempt::first, reply);
}

std::optional<std::string_view> key_of_many(Table& table, Instant now, Args args, Attempt attempt,
                                            MultiPop& pop, Reply& reply) {
  return key_to_pop_many(table, now, args, true, attempt, Type::sorted_set, "MIN", "MAX", pop,
                         reply);
}

void bzmpop(Context& ctx, Args args, Reply& reply) {
  MultiPop pop;
  const auto key = key_of_many(ctx.table, ctx.now, args, ctx.attempt, pop, reply);
  if (key) take_of_first(ctx, *key, pop, reply);
}

bool bzmpop_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  MultiPop pop;
  return !key_of_many(table, now, args, Attempt::first, pop, reply);
}

constexpr Row rows[] = {
    {.name = "ZPOPMIN",
     .code = 370,
     .arity = -2,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast | flag_flat_pairs,
     .strong = zpop<Lies::lowest>,
     .unchanged = zpop_finds_nothing,
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
     .unchanged = zpop_finds_nothing,
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
     .unchanged = zmpop_finds_nothing,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Take members out of the first of several sorted sets that is there",
     .complexity = "O(keys + members taken × log N)",
     .on_eventual = taken_by_no_one_else},
    {.name = "BZPOPMIN",
     .code = 439,
     .arity = -3,
     .keys = {1, -2, 1},
     .access = Access::write,
     .flags = flag_fast | flag_noscript,
     .strong = bzpop<Lies::lowest>,
     .unchanged = bzpop_finds_nothing,
     .waits = {.timeout_at = -1, .type = Type::sorted_set},
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key [key ...] timeout",
     .summary = "Take the lowest member of the first sorted set that is there, or wait for one",
     .complexity = "O(keys + log N)",
     .on_eventual = taken_by_no_one_else,
     .event = "zpopmin"},
    {.name = "BZPOPMAX",
     .code = 444,
     .arity = -3,
     .keys = {1, -2, 1},
     .access = Access::write,
     .flags = flag_fast | flag_noscript,
     .strong = bzpop<Lies::highest>,
     .unchanged = bzpop_finds_nothing,
     .waits = {.timeout_at = -1, .type = Type::sorted_set},
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key [key ...] timeout",
     .summary = "Take the highest member of the first sorted set that is there, or wait for one",
     .complexity = "O(keys + log N)",
     .on_eventual = taken_by_no_one_else,
     .event = "zpopmax"},
    {.name = "BZMPOP",
     .code = 445,
     .arity = -5,
     .keys = {.count_at = 2},
     .access = Access::write,
     .strong = bzmpop,
     .unchanged = bzmpop_finds_nothing,
     .waits = {.timeout_at = 1, .type = Type::sorted_set},
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .summary = "Take members out of the first of several sorted sets that is there, or wait",
     .complexity = "O(keys + members taken × log N)",
     .on_eventual = taken_by_no_one_else},
};

}  // namespace

std::span<const Row> score_end_rows() {
  return rows;
}

}  // namespace holdfast::command
