// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/set.h"

namespace holdfast::command {
namespace {

using Sets = std::vector<const Set*>;  // nullptr: a key that is not there

std::optional<Sets> find_sets(Table& table, Instant now, Args keys, Reply& reply) {
  Sets sets;
  sets.reserve(keys.size());
  for (const std::string_view key : keys) {
    const auto set = find_set(table, key, now, reply);
    if (!set) return std::nullopt;
    sets.push_back(*set);
  }
  return sets;
}

// The three meanings. Each gives its members in an order that follows from the
// sets' own, the same on every node; views into the sets.
using Members = std::vector<std::string_view>;
using Combine = Members (*)(const Sets& sets);

Members intersection_up_to(Sets sets, std::size_t most) {
  Members members;
  if (std::ranges::find(sets, nullptr) != sets.end()) return members;
  std::ranges::stable_sort(sets, {}, [](const Set* set) { return set->size(); });
  const auto others = std::span(sets).subspan(1);
  for (std::size_t i = 0; i < sets[0]->size() && members.size() < most; ++i) {
    const std::string_view member = sets[0]->at(i);
    if (std::ranges::all_of(others, [&](const Set* set) { return set->contains(member); })) {
      members.push_back(member);
    }
  }
  return members;
}

Members intersection(const Sets& sets) {
  return intersection_up_to(sets, std::numeric_limits<std::size_t>::max());
}

Members union_of(const Sets& sets) {
  Members members;
  Set seen;
  for (const Set* set : sets) {
    for (std::size_t i = 0; set != nullptr && i < set->size(); ++i) {
      if (seen.insert(set->at(i))) members.push_back(set->at(i));
    }
  }
  return members;
}

Members difference(const Sets& sets) {
  Members members;
  if (sets[0] == nullptr) return members;
  const auto others = std::span(sets).subspan(1);
  for (std::size_t i = 0; i < sets[0]->size(); ++i) {
    const std::string_view member = sets[0]->at(i);
    if (std::ranges::none_of(
            others, [&](const Set* set) { return set != nullptr && set->contains(member); })) {
      members.push_back(member);
    }
  }
  return members;
}

template <Combine combine>
void read_set(Table& table, Instant now, Args args, Reply& reply) {
  const auto sets = find_sets(table, now, args.subspan(1), reply);
  if (!sets) return;
  const Members members = combine(*sets);
  reply.set(members.size());
  for (const std::string_view member : members) reply.bulk(member);
}

// Replaces whatever the destination held; an empty result leaves no key.
template <Combine combine>
void store(Context& ctx, Args args, Reply& reply) {
  const auto sets = find_sets(ctx.table, ctx.now, args.subspan(2), reply);
  if (!sets) return;
  auto result = std::make_unique<Set>();
  for (const std::string_view member : combine(*sets)) result->insert(member);
  const std::size_t size = result->size();
  if (size == 0) {
    ctx.table.erase(args[1]);
  } else {
    replace(ctx.table, args[1], Value::set(std::move(result)));
  }
  reply.integer(static_cast<std::int64_t>(size));
}

template <Combine combine>
void merge_store(EventualContext& ctx, Args args, Reply& reply) {
  const auto sets = find_sets(ctx.table, ctx.now, args.subspan(2), reply);
  if (!sets) return;
  // Copies: the first effect may change the sets that the views point into.
  const Members found = combine(*sets);
  const std::vector<std::string> members(found.begin(), found.end());
  if (ctx.table.find(args[1], ctx.now) != nullptr) {
    ctx.effects.emit({.kind = EffectKind::clear, .key = args[1]});
  }
  for (const std::string& member : members) {
    ctx.effects.emit({.kind = EffectKind::add_member, .key = args[1], .element = member});
  }
  reply.integer(static_cast<std::int64_t>(members.size()));
}

void sintercard(Table& table, Instant now, Args args, Reply& reply) {
  const auto count = parse_integer(args[1]);
  if (!count || *count <= 0) return reply.raw_error("ERR numkeys should be greater than 0");
  if (*count > static_cast<std::int64_t>(args.size()) - 2) {
    return reply.raw_error("ERR Number of keys can't be greater than number of args");
  }
  const auto keys = static_cast<std::size_t>(*count);
  auto most = std::numeric_limits<std::size_t>::max();
  for (std::size_t i = 2 + keys; i < args.size(); i += 2) {
    if (!equals_nocase(args[i], "LIMIT") || i + 1 == args.size()) {
      return reply.raw_error(errors::syntax);
    }
    const auto limit = parse_integer(args[i + 1]);
    if (!limit || *limit < 0) return reply.raw_error("ERR LIMIT can't be negative");
    if (*limit > 0) most = static_cast<std::size_t>(*limit);
  }
  auto sets = find_sets(table, now, args.subspan(2, keys), reply);
  if (!sets) return;
  reply.integer(static_cast<std::int64_t>(intersection_up_to(std::move(*sets), most).size()));
}

constexpr std::string_view local_view = "this replica's view";

constexpr Row rows[] = {
    {.name = "SINTER",
     .code = 320,
     .arity = -2,
     .keys = all_keys,
     .access = Access::read,
     .read = read_set<intersection>,
     .group = "set",
     .since = "0.1",
     .syntax = "key [key ...]",
     .summary = "Members that all sets have",
     .complexity = "O(keys × members of the smallest)",
     .on_eventual = local_view},
    {.name = "SINTERCARD",
     .code = 321,
     .arity = -3,
     .keys = counted_keys,
     .access = Access::read,
     .read = sintercard,
     .group = "set",
     .since = "0.1",
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "How many members all sets have, counted up to a limit",
     .complexity = "O(keys × members of the smallest)",
     .on_eventual = local_view},
    {.name = "SINTERSTORE",
     .code = 322,
     .arity = -3,
     .keys = all_keys,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = store<intersection>,
     .eventual = merge_store<intersection>,
     .group = "set",
     .since = "0.1",
     .syntax = "destination key [key ...]",
     .summary = "SINTER into a key",
     .complexity = "O(keys × members of the smallest)",
     .on_eventual = stores_view},
    {.name = "SUNION",
     .code = 323,
     .arity = -2,
     .keys = all_keys,
     .access = Access::read,
     .read = read_set<union_of>,
     .group = "set",
     .since = "0.1",
     .syntax = "key [key ...]",
     .summary = "Members that any set has",
     .complexity = "O(members of all)",
     .on_eventual = local_view},
    {.name = "SUNIONSTORE",
     .code = 324,
     .arity = -3,
     .keys = all_keys,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = store<union_of>,
     .eventual = merge_store<union_of>,
     .group = "set",
     .since = "0.1",
     .syntax = "destination key [key ...]",
     .summary = "SUNION into a key",
     .complexity = "O(members of all)",
     .on_eventual = stores_view},
    {.name = "SDIFF",
     .code = 325,
     .arity = -2,
     .keys = all_keys,
     .access = Access::read,
     .read = read_set<difference>,
     .group = "set",
     .since = "0.1",
     .syntax = "key [key ...]",
     .summary = "Members of the first set that no other has",
     .complexity = "O(keys × members of the first)",
     .on_eventual = local_view},
    {.name = "SDIFFSTORE",
     .code = 326,
     .arity = -3,
     .keys = all_keys,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = store<difference>,
     .eventual = merge_store<difference>,
     .group = "set",
     .since = "0.1",
     .syntax = "destination key [key ...]",
     .summary = "SDIFF into a key",
     .complexity = "O(keys × members of the first)",
     .on_eventual = stores_view},
};

}  // namespace

std::span<const Row> algebra_rows() {
  return rows;
}

}  // namespace holdfast::command
