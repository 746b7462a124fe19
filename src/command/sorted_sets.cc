// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "command/score_range.h"
#include "value/sorted_set.h"

namespace holdfast::command {
namespace {

std::size_t size_of(const SortedSet* set) {
  return set == nullptr ? 0 : set->size();
}

// -- Reading

void zcard(Table& table, Instant now, Args args, Reply& reply) {
  const auto set = find_sorted_set(table, args[1], now, reply);
  if (set) reply.integer(static_cast<std::int64_t>(size_of(*set)));
}

void reply_score(const SortedSet* set, std::string_view member, Reply& reply) {
  const auto score = set == nullptr ? std::nullopt : set->score(member);
  score ? reply.real(*score) : reply.null();
}

void zscore(Table& table, Instant now, Args args, Reply& reply) {
  const auto set = find_sorted_set(table, args[1], now, reply);
  if (set) reply_score(*set, args[2], reply);
}

void zmscore(Table& table, Instant now, Args args, Reply& reply) {
  const auto set = find_sorted_set(table, args[1], now, reply);
  if (!set) return;
  reply.array(args.size() - 2);
  for (const std::string_view member : args.subspan(2)) reply_score(*set, member, reply);
}

// -- Writing

struct AddOptions {
  bool only_new = false;      // NX
  bool only_there = false;    // XX
  bool only_greater = false;  // GT
  bool only_less = false;     // LT
  bool count_changed = false;
  bool increment = false;
};

struct Addition {
  AddOptions options;
  std::vector<double> scores;
  Args pairs;  // score member …

  std::string_view member(std::size_t i) const { return pairs[2 * i + 1]; }
};

bool take_option(std::string_view text, AddOptions& options) {
  static constexpr std::pair<std::string_view, bool AddOptions::*> names[] = {
      {"NX", &AddOptions::only_new},      {"XX", &AddOptions::only_there},
      {"GT", &AddOptions::only_greater},  {"LT", &AddOptions::only_less},
      {"CH", &AddOptions::count_changed}, {"INCR", &AddOptions::increment}};
  for (const auto& [name, option] : names) {
    if (!equals_nocase(text, name)) continue;
    options.*option = true;
    return true;
  }
  return false;
}

bool compatible(const AddOptions& options, std::size_t pairs, Reply& reply) {
  const auto& [nx, xx, gt, lt, ch, incr] = options;
  if (nx && xx) {
    reply.raw_error("ERR XX and NX options at the same time are not compatible");
  } else if ((gt && nx) || (lt && nx) || (gt && lt)) {
    reply.raw_error("ERR GT, LT, and/or NX options at the same time are not compatible");
  } else if (incr && pairs > 1) {
    reply.raw_error("ERR INCR option supports a single increment-element pair");
  } else {
    return true;
  }
  return false;
}

std::optional<Addition> addition_of(Args args, AddOptions options, Reply& reply) {
  std::size_t from = 2;
  while (from < args.size() && take_option(args[from], options)) ++from;
  Addition addition{.options = options, .scores = {}, .pairs = args.subspan(from)};
  if (addition.pairs.empty() || addition.pairs.size() % 2 != 0) {
    reply.raw_error(errors::syntax);
    return std::nullopt;
  }
  const std::size_t n = addition.pairs.size() / 2;
  if (!compatible(options, n, reply)) return std::nullopt;
  addition.scores.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto score = parse_score(addition.pairs[2 * i]);
    if (!score) {
      reply.raw_error(errors::not_a_float);
      return std::nullopt;
    }
    addition.scores.push_back(*score);
  }
  return addition;
}

/// The score that a member is to have; nothing where a condition leaves it as it is. NaN where
/// an increment makes no number.
std::optional<double> next_score(const AddOptions& options, std::optional<double> current,
                                 double given) {
  if (!current) return options.only_there ? std::nullopt : std::optional(given);
  if (options.only_new) return std::nullopt;
  const double score = options.increment ? *current + given : given;
  if (options.only_greater && score <= *current) return std::nullopt;
  if (options.only_less && score >= *current) return std::nullopt;
  return score;
}

struct Added {
  std::int64_t created = 0;
  std::int64_t changed = 0;
  std::optional<double> score;  // of the last one that no condition left out
};

void reply_added(const AddOptions& options, const Added& added, Reply& reply) {
  if (!options.increment) {
    return reply.integer(options.count_changed ? added.created + added.changed : added.created);
  }
  added.score ? reply.real(*added.score) : reply.null();
}

/// Where nothing would change: what is to be answered. Of several pairs none changes then what
/// the next one finds.
std::optional<Added> added_without_change(const Addition& addition, const SortedSet* set) {
  Added added;
  for (std::size_t i = 0; i < addition.scores.size(); ++i) {
    const auto current = set == nullptr ? std::nullopt : set->score(addition.member(i));
    const auto next = next_score(addition.options, current, addition.scores[i]);
    if (next && (!current || *next != *current)) return std::nullopt;
    if (next) added.score = next;
  }
  return added;
}

void add(Context& ctx, Args args, AddOptions options, Reply& reply) {
  const auto addition = addition_of(args, options, reply);
  if (!addition) return;
  const auto found = find_sorted_set(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  if (const auto same = added_without_change(*addition, *found)) {
    return reply_added(addition->options, *same, reply);
  }
  if (addition->options.increment && *found != nullptr) {
    const auto current = (*found)->score(addition->member(0));
    if (current && std::isnan(*current + addition->scores[0])) {
      return reply.raw_error("ERR resulting score is not a number (NaN)");
    }
  }
  SortedSet& set = *sorted_set_to_fill(ctx, args[1], reply);
  Added added;
  for (std::size_t i = 0; i < addition->scores.size(); ++i) {
    const std::string_view member = addition->member(i);
    const auto current = set.score(member);
    const auto next = next_score(addition->options, current, addition->scores[i]);
    if (!next) continue;
    added.score = next;
    if (!current) {
      ++added.created;
    } else if (*next != *current) {
      ++added.changed;
    }
    set.put(member, kept_score(*next));
  }
  reply_added(addition->options, added, reply);
}

void zadd(Context& ctx, Args args, Reply& reply) {
  add(ctx, args, {}, reply);
}

// As Redis, which takes ZADD's options here too.
void zincrby(Context& ctx, Args args, Reply& reply) {
  add(ctx, args, {.increment = true}, reply);
}

bool zadd_unchanged(Table& table, Instant now, Args args, Reply& reply) {
  const Value* value = table.find(args[1], now);
  if (value == nullptr || value->type() != Type::sorted_set) return false;
  std::string refusal;
  Reply refused(refusal);
  const auto addition = addition_of(args, {}, refused);
  if (!addition) return false;
  const auto same = added_without_change(*addition, &value->as_sorted_set());
  if (!same) return false;
  reply_added(addition->options, *same, reply);
  return true;
}

bool zrem_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  const auto found = find_sorted_set(table, args[1], now, reply);
  if (!found) return true;
  const auto there = [&](auto member) { return (*found)->score(member).has_value(); };
  if (*found != nullptr && std::ranges::any_of(args.subspan(2), there)) return false;
  reply.integer(0);
  return true;
}

void zrem(Context& ctx, Args args, Reply& reply) {
  if (zrem_finds_nothing(ctx.table, ctx.now, args, reply)) return;
  const Args members = args.subspan(2);
  SortedSet& set = ctx.table.change(args[1], ctx.now)->as_sorted_set();
  std::int64_t erased = 0;
  for (const std::string_view member : members) erased += set.erase(member) ? 1 : 0;
  if (set.size() == 0) ctx.table.erase(args[1]);
  reply.integer(erased);
}

// -- In eventual keyspaces. An effect is in the table when emit() returns, so
// what was found must be found again after it.

constexpr std::string_view sums_need_integers =
    "needs a strong keyspace where increment, score or sum is not an integer below 2^53: sums of "
    "other numbers depend on the order of adding";

std::optional<std::int64_t> exact_integer(double number) {
  constexpr double range = 9'007'199'254'740'992;  // 2^53
  if (!(number > -range && number < range) || number != std::trunc(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

void merge_increment(EventualContext& ctx, std::string_view key, const Addition& addition,
                     Reply& reply) {
  const std::string_view member = addition.member(0);
  const auto set = find_sorted_set(ctx.table, key, ctx.now, reply);
  if (!set) return;
  const auto score = *set == nullptr ? std::nullopt : (*set)->score(member);
  const auto by = exact_integer(addition.scores[0]);
  const double sum = score ? *score + addition.scores[0] : addition.scores[0];
  if (!by || (score && !exact_integer(*score)) || !exact_integer(sum)) {
    return reply.error({Code::unsupported, "ZINCRBY " + std::string(sums_need_integers)});
  }
  ctx.effects.emit({.kind = EffectKind::add_score, .key = key, .element = member, .number = *by});
  reply.real(sum);
}

void merge_add(EventualContext& ctx, Args args, AddOptions given, Reply& reply) {
  const auto addition = addition_of(args, given, reply);
  if (!addition) return;
  const AddOptions& options = addition->options;
  if (options.only_new || options.only_there || options.only_greater || options.only_less) {
    return reply.error(
        {Code::unsupported, "ZADD with NX, XX, GT or LT " + std::string(condition_needs_strong)});
  }
  if (options.increment) return merge_increment(ctx, args[1], *addition, reply);
  Added added;
  for (std::size_t i = 0; i < addition->scores.size(); ++i) {
    const auto set = find_sorted_set(ctx.table, args[1], ctx.now, reply);
    if (!set) return;
    const double score = addition->scores[i];
    const auto current = *set == nullptr ? std::nullopt : (*set)->score(addition->member(i));
    added.created += current ? 0 : 1;
    added.changed += current && *current != score ? 1 : 0;
    // Elsewhere a remove may have seen only the earlier score: this one must survive it.
    if (current == score && ctx.alone) continue;
    emit_score(ctx, args[1], addition->member(i), score);
  }
  reply_added(options, added, reply);
}

void merge_zadd(EventualContext& ctx, Args args, Reply& reply) {
  merge_add(ctx, args, {}, reply);
}

void merge_zincrby(EventualContext& ctx, Args args, Reply& reply) {
  merge_add(ctx, args, {.increment = true}, reply);
}

void merge_zrem(EventualContext& ctx, Args args, Reply& reply) {
  std::int64_t erased = 0;
  for (const std::string_view member : args.subspan(2)) {
    const auto set = find_sorted_set(ctx.table, args[1], ctx.now, reply);
    if (!set) return;
    if (*set == nullptr) break;
    if (!(*set)->score(member)) continue;
    ++erased;
    ctx.effects.emit({.kind = EffectKind::remove_score, .key = args[1], .element = member});
  }
  reply.integer(erased);
}

constexpr std::string_view local_view = "this replica's view";

constexpr Row rows[] = {
    {.name = "ZADD",
     .code = 340,
     .arity = -4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = zadd,
     .unchanged = zadd_unchanged,
     .eventual = merge_zadd,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
     .summary = "Add members or give them other scores; reply how many are new. A score of -0 is "
                "kept as 0",
     .complexity = "O(members × log N)",
     .on_eventual = "of a member's scores the last writer's, by hybrid clock, then origin; an add "
                    "wins over a concurrent remove; NX, XX, GT and LT need a strong keyspace"},
    {.name = "ZINCRBY",
     .code = 341,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = zincrby,
     .eventual = merge_zincrby,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key increment member",
     .summary = "Add to a member's score; reply the new one",
     .complexity = "O(log N)",
     .on_eventual = "every increment with a distinct id counts once; the reply is this replica's "
                    "view; other numbers than integers below 2^53 need a strong keyspace",
     .event = "zincr"},
    {.name = "ZREM",
     .code = 342,
     .arity = -3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = zrem,
     .unchanged = zrem_finds_nothing,
     .eventual = merge_zrem,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key member [member ...]",
     .summary = "Remove members; reply how many were there",
     .complexity = "O(members × log N)",
     .on_eventual = "removes what it had seen; a concurrent add or increment wins"},
    {.name = "ZCARD",
     .code = 343,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = zcard,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key",
     .summary = "How many members there are",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "ZSCORE",
     .code = 344,
     .arity = 3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = zscore,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key member",
     .summary = "A member's score",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "ZMSCORE",
     .code = 345,
     .arity = -3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = zmscore,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key member [member ...]",
     .summary = "The scores of several members",
     .complexity = "O(members)",
     .on_eventual = local_view},
};

}  // namespace

std::span<const Row> score_rows() {
  return rows;
}

}  // namespace holdfast::command
