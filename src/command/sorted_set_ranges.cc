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

// -- Counting

template <RangeBy by>
void count(Table& table, Instant now, Args args, Reply& reply) {
  const auto range = Range::read(by, args[2], args[3], false, reply);
  if (!range) return;
  const auto set = find_sorted_set(table, args[1], now, reply);
  if (!set) return;
  const std::size_t size = *set == nullptr ? 0 : range->of(**set).size;
  reply.integer(static_cast<std::int64_t>(size));
}

template <bool reverse>
void rank(Table& table, Instant now, Args args, Reply& reply) {
  const auto set = find_sorted_set(table, args[1], now, reply);
  if (!set) return;
  const auto found = *set == nullptr ? std::nullopt : (*set)->rank(args[2]);
  if (!found) return reply.null();
  reply.integer(static_cast<std::int64_t>(reverse ? (*set)->size() - 1 - *found : *found));
}

// -- ZRANGE and its older forms

/// What a command fixes; what is not fixed its options may say.
struct Form {
  std::optional<RangeBy> by;
  std::optional<bool> reverse;
  bool store = false;
};

struct Selection {
  RangeBy by = RangeBy::rank;
  bool reverse = false;
  bool with_scores = false;
  std::int64_t offset = 0;
  std::int64_t limit = -1;  // negative: no limit
};

std::optional<Selection> refused(std::string_view text, Reply& reply) {
  reply.raw_error(text);
  return std::nullopt;
}

/// `options`: what follows the ends.
std::optional<Selection> selection_of(const Form& form, Args options, Reply& reply) {
  Selection selection{.by = form.by.value_or(RangeBy::rank),
                      .reverse = form.reverse.value_or(false)};
  for (std::size_t i = 0; i < options.size(); ++i) {
    const std::string_view option = options[i];
    if (!form.store && equals_nocase(option, "WITHSCORES")) {
      selection.with_scores = true;
    } else if (equals_nocase(option, "LIMIT") && i + 2 < options.size()) {
      const auto offset = integer_argument(options[++i], reply);
      const auto limit = offset ? integer_argument(options[++i], reply) : std::nullopt;
      if (!limit) return std::nullopt;
      selection.offset = *offset;
      selection.limit = *limit;
    } else if (!form.reverse && equals_nocase(option, "REV")) {
      selection.reverse = true;
    } else if (!form.by && equals_nocase(option, "BYLEX")) {
      selection.by = RangeBy::bytes;
    } else if (!form.by && equals_nocase(option, "BYSCORE")) {
      selection.by = RangeBy::score;
    } else {
      return refused(errors::syntax, reply);
    }
  }
  if (selection.limit != -1 && selection.by == RangeBy::rank) {
    return refused(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE "
        "or BYLEX",
        reply);
  }
  if (selection.with_scores && selection.by == RangeBy::bytes) {
    return refused("ERR syntax error, WITHSCORES not supported in combination with BYLEX", reply);
  }
  return selection;
}

/// What offset and limit leave of it, as in Redis: a negative offset leaves nothing, and by rank
/// the one pair that is let through, with a limit of -1, means nothing.
Ranks limited(const Selection& selection, Ranks all) {
  if (selection.by == RangeBy::rank) return all;
  if (selection.offset < 0) return {};
  const std::size_t skipped =
      std::min<std::uint64_t>(static_cast<std::uint64_t>(selection.offset), all.size);
  std::size_t n = all.size - skipped;
  if (selection.limit >= 0) {
    n = std::min<std::uint64_t>(static_cast<std::uint64_t>(selection.limit), n);
  }
  return {selection.reverse ? all.first + all.size - skipped - n : all.first + skipped, n};
}

struct Selected {
  const SortedSet* set = nullptr;  // none: no such key
  Selection selection;
  std::vector<std::uint32_t> places;
};

/// `args` from the source key on.
std::optional<Selected> select(Table& table, Instant now, const Form& form, Args args,
                               Reply& reply) {
  const auto selection = selection_of(form, args.subspan(3), reply);
  if (!selection) return std::nullopt;
  // By score or bytes the higher end is named first there.
  const bool swapped = selection->reverse && selection->by != RangeBy::rank;
  const auto range = Range::read(selection->by, args[swapped ? 2 : 1], args[swapped ? 1 : 2],
                                 selection->reverse, reply);
  if (!range) return std::nullopt;
  const auto set = find_sorted_set(table, args[0], now, reply);
  if (!set) return std::nullopt;
  Selected selected{.set = *set, .selection = *selection, .places = {}};
  if (*set == nullptr) return selected;
  const Ranks ranks = limited(*selection, range->of(**set));
  selected.places = (*set)->slice(ranks.first, ranks.size);
  return selected;
}

void reply_range(Table& table, Instant now, const Form& form, Args args, Reply& reply) {
  const auto selected = select(table, now, form, args.subspan(1), reply);
  if (!selected) return;
  if (selected->set == nullptr) return reply.array(0);
  reply_members(*selected->set, selected->places, selected->selection.with_scores,
                selected->selection.reverse, reply);
}

void zrange(Table& table, Instant now, Args args, Reply& reply) {
  reply_range(table, now, {}, args, reply);
}

template <RangeBy by, bool reverse>
void older_range(Table& table, Instant now, Args args, Reply& reply) {
  reply_range(table, now, {.by = by, .reverse = reverse}, args, reply);
}

template <typename Where>
void zrangestore(Where& ctx, Args args, Reply& reply) {
  const auto selected = select(ctx.table, ctx.now, {.store = true}, args.subspan(2), reply);
  if (!selected) return;
  std::vector<Scored> members;
  members.reserve(selected->places.size());
  // By score, whichever end came first: the places are then the same as a plain copy's.
  for (const std::uint32_t place : selected->places) {
    members.push_back(
        {SmallString(selected->set->member_at(place)), selected->set->score_at(place)});
  }
  store_members(ctx, args[1], std::move(members), reply);
}

// -- Removing a part

template <RangeBy by>
void remove_range(Context& ctx, Args args, Reply& reply) {
  const auto range = Range::read(by, args[2], args[3], false, reply);
  if (!range) return;
  const auto found = find_sorted_set(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  const Ranks ranks = *found == nullptr ? Ranks{} : range->of(**found);
  if (ranks.size == 0) return reply.integer(0);
  reply.integer(static_cast<std::int64_t>(ranks.size));
  if (ranks.size == (*found)->size()) {
    ctx.table.erase(args[1]);
    return;
  }
  SortedSet& set = ctx.table.change(args[1], ctx.now)->as_sorted_set();
  std::vector<std::string> members;
  members.reserve(ranks.size);
  for (const auto place : set.slice(ranks.first, ranks.size)) {
    members.emplace_back(set.member_at(place));  // places move as members go
  }
  for (const std::string& member : members) set.erase(member);
}

template <RangeBy by>
void merge_remove_range(EventualContext& ctx, Args args, Reply& reply) {
  const auto range = Range::read(by, args[2], args[3], false, reply);
  if (!range) return;
  const auto found = find_sorted_set(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  std::vector<std::string> members;
  if (*found != nullptr) {
    const Ranks ranks = range->of(**found);
    for (const auto place : (*found)->slice(ranks.first, ranks.size)) {
      members.emplace_back((*found)->member_at(place));
    }
  }
  for (const std::string& member : members) {
    ctx.effects.emit({.kind = EffectKind::remove_score, .key = args[1], .element = member});
  }
  reply.integer(static_cast<std::int64_t>(members.size()));
}

constexpr std::string_view local_view = "this replica's view";

constexpr std::string_view removes_seen =
    "the range on this replica's view; removes what it had seen, a concurrent add wins";

constexpr Row rows[] = {
    {.name = "ZRANK",
     .code = 350,
     .arity = 3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = rank<false>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key member",
     .summary = "How many members are lower",
     .complexity = "O(log N)",
     .on_eventual = local_view},
    {.name = "ZREVRANK",
     .code = 351,
     .arity = 3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = rank<true>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key member",
     .summary = "How many members are higher",
     .complexity = "O(log N)",
     .on_eventual = local_view},
    {.name = "ZCOUNT",
     .code = 352,
     .arity = 4,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = count<RangeBy::score>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key min max",
     .summary = "How many members have scores of a range",
     .complexity = "O(log N)",
     .on_eventual = local_view},
    {.name = "ZLEXCOUNT",
     .code = 353,
     .arity = 4,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = count<RangeBy::bytes>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key lex-min lex-max",
     .summary = "How many members lie between two; all scores have to be equal",
     .complexity = "O(log N)",
     .on_eventual = local_view},
    {.name = "ZRANGE",
     .code = 354,
     .arity = -4,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_flat_pairs,
     .read = zrange,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key range-start range-stop [BYSCORE | BYLEX] [REV] [LIMIT offset limit] "
               "[WITHSCORES]",
     .summary = "Members by rank, by score or, where all scores are equal, by their bytes",
     .complexity = "O(log N + members replied)",
     .on_eventual = local_view},
    {.name = "ZREVRANGE",
     .code = 355,
     .arity = -4,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_flat_pairs,
     .read = older_range<RangeBy::rank, true>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key start end [WITHSCORES]",
     .summary = "Members by rank, the highest first",
     .complexity = "O(log N + members replied)",
     .on_eventual = local_view},
    {.name = "ZRANGEBYSCORE",
     .code = 356,
     .arity = -4,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_flat_pairs,
     .read = older_range<RangeBy::score, false>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key min max [WITHSCORES] [LIMIT offset limit]",
     .summary = "Members with scores of a range",
     .complexity = "O(log N + members replied)",
     .on_eventual = local_view},
    {.name = "ZREVRANGEBYSCORE",
     .code = 357,
     .arity = -4,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_flat_pairs,
     .read = older_range<RangeBy::score, true>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key max min [WITHSCORES] [LIMIT offset limit]",
     .summary = "Members with scores of a range, the highest first",
     .complexity = "O(log N + members replied)",
     .on_eventual = local_view},
    {.name = "ZRANGEBYLEX",
     .code = 358,
     .arity = -4,
     .keys = first_key,
     .access = Access::read,
     .read = older_range<RangeBy::bytes, false>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key lex-min lex-max [LIMIT offset limit]",
     .summary = "Members between two; all scores have to be equal",
     .complexity = "O(log N + members replied)",
     .on_eventual = local_view},
    {.name = "ZREVRANGEBYLEX",
     .code = 359,
     .arity = -4,
     .keys = first_key,
     .access = Access::read,
     .read = older_range<RangeBy::bytes, true>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key lex-max lex-min [LIMIT offset limit]",
     .summary = "Members between two, the highest first; all scores have to be equal",
     .complexity = "O(log N + members replied)",
     .on_eventual = local_view},
    {.name = "ZRANGESTORE",
     .code = 360,
     .arity = -5,
     .keys = {1, 2, 1},
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = zrangestore<Context>,
     .eventual = zrangestore<EventualContext>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "destination source range-start range-stop [BYSCORE | BYLEX] [REV] "
               "[LIMIT offset limit]",
     .summary = "ZRANGE into a key",
     .complexity = "O(log N + members stored × log of these)",
     .on_eventual = stores_view},
    {.name = "ZREMRANGEBYRANK",
     .code = 361,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .strong = remove_range<RangeBy::rank>,
     .eventual = merge_remove_range<RangeBy::rank>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key start end",
     .summary = "Remove members by rank",
     .complexity = "O(members removed × log N)",
     .on_eventual = removes_seen},
    {.name = "ZREMRANGEBYSCORE",
     .code = 362,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .strong = remove_range<RangeBy::score>,
     .eventual = merge_remove_range<RangeBy::score>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key min max",
     .summary = "Remove members with scores of a range",
     .complexity = "O(members removed × log N)",
     .on_eventual = removes_seen},
    {.name = "ZREMRANGEBYLEX",
     .code = 363,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .strong = remove_range<RangeBy::bytes>,
     .eventual = merge_remove_range<RangeBy::bytes>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "key lex-min lex-max",
     .summary = "Remove members between two; all scores have to be equal",
     .complexity = "O(members removed × log N)",
     .on_eventual = removes_seen},
};

}  // namespace

std::span<const Row> score_range_rows() {
  return rows;
}

}  // namespace holdfast::command
