// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "command/families.h"
#include "command/glob.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "command/random.h"
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
  Random random = random_of_read(now, reply);
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
  const std::size_t size = size_of(*set);
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
  if (equals_nocase(text, "NX")) return options.only_new = true;
  if (equals_nocase(text, "XX")) return options.only_there = true;
  if (equals_nocase(text, "GT")) return options.only_greater = true;
  if (equals_nocase(text, "LT")) return options.only_less = true;
  if (equals_nocase(text, "CH")) return options.count_changed = true;
  if (equals_nocase(text, "INCR")) return options.increment = true;
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

void zrem(Context& ctx, Args args, Reply& reply) {
  const Args members = args.subspan(2);
  const auto found = find_sorted_set(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  if (*found == nullptr || std::ranges::none_of(members, [&](auto member) {
        return (*found)->score(member).has_value();
      })) {
    return reply.integer(0);
  }
  SortedSet& set = ctx.table.change(args[1], ctx.now)->as_sorted_set();
  std::int64_t erased = 0;
  for (const std::string_view member : members) erased += set.erase(member) ? 1 : 0;
  if (set.size() == 0) ctx.table.erase(args[1]);
  reply.integer(erased);
}

constexpr Row rows[] = {
    {.name = "ZADD",
     .code = 340,
     .arity = -4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = zadd,
     .unchanged = zadd_unchanged,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
     .summary = "Add members or give them other scores; reply how many are new. A score of -0 is "
                "kept as 0",
     .complexity = "O(members × log N)",
     .on_eventual = sorted_sets_need_strong},
    {.name = "ZINCRBY",
     .code = 341,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = zincrby,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key increment member",
     .summary = "Add to a member's score; reply the new one",
     .complexity = "O(log N)",
     .on_eventual = sorted_sets_need_strong},
    {.name = "ZREM",
     .code = 342,
     .arity = -3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = zrem,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key member [member ...]",
     .summary = "Remove members; reply how many were there",
     .complexity = "O(members × log N)",
     .on_eventual = sorted_sets_need_strong},
    {.name = "ZCARD",
     .code = 343,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast | flag_strong_only,
     .read = zcard,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key",
     .summary = "How many members there are",
     .complexity = "O(1)",
     .on_eventual = sorted_sets_need_strong},
    {.name = "ZSCORE",
     .code = 344,
     .arity = 3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast | flag_strong_only,
     .read = zscore,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key member",
     .summary = "A member's score",
     .complexity = "O(1)",
     .on_eventual = sorted_sets_need_strong},
    {.name = "ZMSCORE",
     .code = 345,
     .arity = -3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast | flag_strong_only,
     .read = zmscore,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key member [member ...]",
     .summary = "The scores of several members",
     .complexity = "O(members)",
     .on_eventual = sorted_sets_need_strong},
    {.name = "ZRANDMEMBER",
     .code = 346,
     .arity = -2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_flat_pairs | flag_strong_only,
     .read = zrandmember,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key [count [WITHSCORES]]",
     .summary = "Members by chance; a negative count may repeat them",
     .complexity = "O(members replied)",
     .on_eventual = sorted_sets_need_strong},
    {.name = "ZSCAN",
     .code = 347,
     .arity = -3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_strong_only,
     .read = zscan,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walk a sorted set in steps; every member that stays is met. Scores are written as "
                "ZSCORE does",
     .complexity = "O(count)",
     .on_eventual = sorted_sets_need_strong},
};

}  // namespace

std::span<const Row> score_rows() {
  return rows;
}

}  // namespace holdfast::command
