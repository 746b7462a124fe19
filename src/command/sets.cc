// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "command/families.h"
#include "command/glob.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "command/random.h"
#include "value/set.h"

namespace holdfast::command {
namespace {

std::size_t size_of(const Set* set) {
  return set == nullptr ? 0 : set->size();
}
bool contains(const Set* set, std::string_view member) {
  return set != nullptr && set->contains(member);
}

// -- Reading

void scard(Table& table, Instant now, Args args, Reply& reply) {
  const auto set = find_set(table, args[1], now, reply);
  if (set) reply.integer(static_cast<std::int64_t>(size_of(*set)));
}

void sismember(Table& table, Instant now, Args args, Reply& reply) {
  const auto set = find_set(table, args[1], now, reply);
  if (set) reply.integer(contains(*set, args[2]) ? 1 : 0);
}

void smismember(Table& table, Instant now, Args args, Reply& reply) {
  const auto set = find_set(table, args[1], now, reply);
  if (!set) return;
  reply.array(args.size() - 2);
  for (const auto member : args.subspan(2)) reply.integer(contains(*set, member) ? 1 : 0);
}

void smembers(Table& table, Instant now, Args args, Reply& reply) {
  const auto set = find_set(table, args[1], now, reply);
  if (!set) return;
  reply.set(size_of(*set));
  for (std::size_t i = 0; i < size_of(*set); ++i) reply.bulk((*set)->at(i));
}

// A negative count may repeat members, a positive one does not.
void srandmember_many(const Set& set, std::int64_t count, Random random, Reply& reply) {
  if (count < 0) {
    const auto places = repeated_places(random, set.size(), static_cast<std::uint64_t>(-count),
                                        [&](std::size_t place) { return set.at(place).size(); });
    if (!places) return reply.raw_error(errors::out_of_range);
    reply.array(places->size());
    for (const std::size_t place : *places) reply.bulk(set.at(place));
    return;
  }
  const std::size_t n = std::min(static_cast<std::size_t>(count), set.size());
  reply.array(n);
  RandomPlaces places(random, set.size());
  for (std::size_t i = 0; i < n; ++i) reply.bulk(set.at(places.next()));
}

void srandmember(Table& table, Instant now, Args args, Reply& reply) {
  std::int64_t count = 1;
  if (args.size() >= 3) {
    if (args.size() > 3) return reply.raw_error(errors::syntax);
    const auto number = signed_count_argument(args[2], reply);
    if (!number) return;
    count = *number;
  }
  const auto set = find_set(table, args[1], now, reply);
  if (!set) return;
  const bool one = args.size() == 2;
  if (*set == nullptr) return one ? reply.null() : reply.array(0);
  Random random = random_of_read(table, now, reply);
  if (one) return reply.bulk((*set)->at(random.below((*set)->size())));
  srandmember_many(**set, count, random, reply);
}

// The cursor is how many places are left: the walk goes downward, so that what
// an erase moves into a gap is met still (value/set.h).
void sscan(Table& table, Instant now, Args args, Reply& reply) {
  const auto cursor = cursor_argument(args[2], reply);
  if (!cursor) return;
  const auto set = find_set(table, args[1], now, reply);
  if (!set) return;
  const auto options = *set == nullptr ? ScanOptions{} : scan_options(args, 3, reply);
  if (!options) return;
  const std::size_t size = size_of(*set);
  const std::size_t from = *cursor == 0 ? size : std::min<std::size_t>(*cursor, size);
  const std::size_t end = from - std::min(options->count, from);
  std::vector<std::string_view> members;
  for (std::size_t i = from; i-- > end;) {
    const std::string_view member = (*set)->at(i);
    if (!options->match || glob_match(*options->match, member)) members.push_back(member);
  }
  reply.array(2);
  reply.bulk(std::to_string(end));
  reply.array(members.size());
  for (const std::string_view member : members) reply.bulk(member);
}

// -- Writing

void sadd(Context& ctx, Args args, Reply& reply) {
  const Args members = args.subspan(2);
  const auto found = find_set(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  if (std::ranges::all_of(members, [&](auto member) { return contains(*found, member); })) {
    return reply.integer(0);
  }
  Set& set = *set_to_fill(ctx, args[1], reply);
  std::int64_t added = 0;
  for (const std::string_view member : members) added += set.insert(member) ? 1 : 0;
  reply.integer(added);
}

bool sadd_unchanged(Table& table, Instant now, Args args, Reply& reply) {
  const Value* value = table.find(args[1], now);
  if (value == nullptr || value->type() != Type::set) return false;
  const Set& set = value->as_set();
  const Args members = args.subspan(2);
  if (!std::ranges::all_of(members, [&](auto member) { return set.contains(member); })) {
    return false;
  }
  reply.integer(0);
  return true;
}

void erase_if_empty(Context& ctx, std::string_view key, const Set& set) {
  if (set.size() == 0) ctx.table.erase(key);
}

bool srem_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  const auto found = find_set(table, args[1], now, reply);
  if (!found) return true;
  if (std::ranges::any_of(args.subspan(2), [&](auto member) { return contains(*found, member); })) {
    return false;
  }
  reply.integer(0);
  return true;
}

void srem(Context& ctx, Args args, Reply& reply) {
  if (srem_finds_nothing(ctx.table, ctx.now, args, reply)) return;
  const Args members = args.subspan(2);
  Set& set = ctx.table.change(args[1], ctx.now)->as_set();
  std::int64_t erased = 0;
  for (const std::string_view member : members) erased += set.erase(member) ? 1 : 0;
  erase_if_empty(ctx, args[1], set);
  reply.integer(erased);
}

void spop_one(Set& set, Random& random, Reply& reply) {
  const std::size_t place = random.below(set.size());
  const std::string member(set.at(place));
  reply.bulk(member);
  set.erase(member);
}

/// How many members to take off the set that is there. Nothing: none, and the reply says so.
std::optional<std::size_t> count_to_pop(Table& table, Instant now, Args args, Reply& reply) {
  if (args.size() > 3) {
    reply.raw_error(errors::syntax);
    return std::nullopt;
  }
  const bool counted = args.size() == 3;
  std::size_t n = 1;
  if (counted) {
    const auto number = positive_argument(args[2], reply);
    if (!number) return std::nullopt;
    n = static_cast<std::size_t>(*number);
  }
  const auto found = find_set(table, args[1], now, reply);
  if (!found) return std::nullopt;
  if (*found != nullptr && n > 0) return std::min(n, (*found)->size());
  counted ? reply.set(0) : reply.null();
  return std::nullopt;
}

void spop(Context& ctx, Args args, Reply& reply) {
  const auto n = count_to_pop(ctx.table, ctx.now, args, reply);
  if (!n) return;
  Set& set = ctx.table.change(args[1], ctx.now)->as_set();
  Random random(ctx.seed);
  if (args.size() == 3) reply.set(*n);
  for (std::size_t i = 0; i < *n; ++i) spop_one(set, random, reply);
  erase_if_empty(ctx, args[1], set);
}

bool spop_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  return !count_to_pop(table, now, args, reply);
}

bool smove_changes_nothing(Table& table, Instant now, Args args, Reply& reply) {
  const auto from = find_set(table, args[1], now, reply);
  if (!from) return true;
  const bool there = contains(*from, args[3]);
  // As Redis: where there is no source, before a look at the other.
  if (*from != nullptr && !find_set(table, args[2], now, reply)) return true;
  if (there && args[1] != args[2]) return false;
  reply.integer(there ? 1 : 0);
  return true;
}

void smove(Context& ctx, Args args, Reply& reply) {
  if (smove_changes_nothing(ctx.table, ctx.now, args, reply)) return;
  const std::string_view member = args[3];
  reply.integer(1);
  // Only then: where it is there already, who watches the destination has seen no change.
  if (!contains(*find_set(ctx.table, args[2], ctx.now, reply), member))
    set_to_fill(ctx, args[2], reply)->insert(member);
  Set& source = ctx.table.change(args[1], ctx.now)->as_set();
  source.erase(member);
  erase_if_empty(ctx, args[1], source);
}

// -- In eventual keyspaces. An effect is in the table when emit() returns, so
// what was found must be found again after it.

void merge_sadd(EventualContext& ctx, Args args, Reply& reply) {
  std::int64_t added = 0;
  for (const std::string_view member : args.subspan(2)) {
    const auto set = find_set(ctx.table, args[1], ctx.now, reply);
    if (!set) return;
    const bool there = contains(*set, member);
    added += there ? 0 : 1;
    // Elsewhere a remove may have seen only the earlier add: this one must
    // survive it.
    if (there && ctx.alone) continue;
    ctx.effects.emit({.kind = EffectKind::add_member, .key = args[1], .element = member});
  }
  reply.integer(added);
}

void merge_srem(EventualContext& ctx, Args args, Reply& reply) {
  std::int64_t erased = 0;
  for (const std::string_view member : args.subspan(2)) {
    const auto set = find_set(ctx.table, args[1], ctx.now, reply);
    if (!set) return;
    if (*set == nullptr) break;
    if (!(*set)->contains(member)) continue;
    ++erased;
    ctx.effects.emit({.kind = EffectKind::remove_member, .key = args[1], .element = member});
  }
  reply.integer(erased);
}

constexpr std::string_view local_view = "this replica's view";

constexpr Row rows[] = {
    {.name = "SADD",
     .code = 300,
     .arity = -3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = sadd,
     .unchanged = sadd_unchanged,
     .eventual = merge_sadd,
     .group = "set",
     .since = "0.1",
     .syntax = "key member [member ...]",
     .summary = "Add members; reply how many are new",
     .complexity = "O(members)",
     .on_eventual = "an add wins over a concurrent remove"},
    {.name = "SREM",
     .code = 301,
     .arity = -3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = srem,
     .unchanged = srem_finds_nothing,
     .eventual = merge_srem,
     .group = "set",
     .since = "0.1",
     .syntax = "key member [member ...]",
     .summary = "Remove members; reply how many were there",
     .complexity = "O(members)",
     .on_eventual = "removes the adds it had seen; a concurrent add wins"},
    {.name = "SMEMBERS",
     .code = 302,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .read = smembers,
     .group = "set",
     .since = "0.1",
     .syntax = "key",
     .summary = "All members",
     .complexity = "O(members)",
     .on_eventual = local_view},
    {.name = "SISMEMBER",
     .code = 303,
     .arity = 3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = sismember,
     .group = "set",
     .since = "0.1",
     .syntax = "key member",
     .summary = "Whether a member is there",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "SMISMEMBER",
     .code = 304,
     .arity = -3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = smismember,
     .group = "set",
     .since = "0.1",
     .syntax = "key member [member ...]",
     .summary = "Which of several members are there",
     .complexity = "O(members)",
     .on_eventual = local_view},
    {.name = "SCARD",
     .code = 305,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = scard,
     .group = "set",
     .since = "0.1",
     .syntax = "key",
     .summary = "How many members there are",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "SPOP",
     .code = 306,
     .arity = -2,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = spop,
     .unchanged = spop_finds_nothing,
     .group = "set",
     .since = "0.1",
     .syntax = "key [count]",
     .summary = "Take members out, chosen by chance",
     .complexity = "O(members taken)",
     .on_eventual = taken_by_no_one_else},
    {.name = "SRANDMEMBER",
     .code = 307,
     .arity = -2,
     .keys = first_key,
     .access = Access::read,
     .read = srandmember,
     .group = "set",
     .since = "0.1",
     .syntax = "key [count]",
     .summary = "Members by chance; a negative count may repeat them",
     .complexity = "O(members replied)",
     .on_eventual = local_view},
    {.name = "SMOVE",
     .code = 308,
     .arity = 4,
     .keys = {1, 2, 1},
     .access = Access::write,
     .flags = flag_fast,
     .strong = smove,
     .unchanged = smove_changes_nothing,
     .group = "set",
     .since = "0.1",
     .syntax = "source destination member",
     .summary = "Move a member from one set to another",
     .complexity = "O(1)",
     .on_eventual = "needs a strong keyspace: it promises that the member is in one of the two",
     .event = "srem sadd"},
    {.name = "SSCAN",
     .code = 309,
     .arity = -3,
     .keys = first_key,
     .access = Access::read,
     .read = sscan,
     .group = "set",
     .since = "0.1",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walk a set in steps; every member that stays is met",
     .complexity = "O(count)",
     .on_eventual = local_view},
};

}  // namespace

std::span<const Row> member_rows() {
  return rows;
}

}  // namespace holdfast::command
