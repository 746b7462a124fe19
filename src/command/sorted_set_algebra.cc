// SPDX-License-Identifier: Apache-2.0
#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "command/score_range.h"

namespace holdfast::command {
namespace {

/// One input: a sorted set, a set, whose members all have score 1, or a key that is not there.
struct Input {
  const SortedSet* sorted = nullptr;
  const Set* plain = nullptr;
  double weight = 1;

  std::size_t size() const {
    if (sorted != nullptr) return sorted->size();
    return plain == nullptr ? 0 : plain->size();
  }
  std::optional<double> score(std::string_view member) const {
    if (sorted != nullptr) return sorted->score(member);
    return plain != nullptr && plain->contains(member) ? std::optional(1.0) : std::nullopt;
  }
};
using Inputs = std::vector<Input>;

/// Calls `each` with every member and its score, the lowest first, until it says false.
template <typename Each>
void walk(const Input& input, Each each) {
  if (input.sorted != nullptr) {
    for (const std::uint32_t place : input.sorted->slice(0, input.sorted->size())) {
      if (!each(input.sorted->member_at(place), input.sorted->score_at(place))) return;
    }
  } else if (input.plain != nullptr) {
    for (std::size_t i = 0; i < input.plain->size(); ++i) {
      if (!each(input.plain->at(i), 1.0)) return;
    }
  }
}

enum class Aggregate : std::uint8_t { sum, min, max };

/// As Redis: inf - inf and inf × 0 count as 0.
double joined(Aggregate how, double a, double b) {
  switch (how) {
    case Aggregate::sum:
      return std::isnan(a + b) ? 0 : a + b;
    case Aggregate::min:
      return b < a ? b : a;
    case Aggregate::max:
      return b > a ? b : a;
  }
  return a;
}

double weighted(double score, double weight) {
  return std::isnan(score * weight) ? 0 : score * weight;
}

// -- The three meanings

/// Scores are added up from the smallest input to the largest, as Redis does: the order is seen
/// in what doubles lose.
void sort_by_size(Inputs& inputs) {
  std::ranges::stable_sort(inputs, {}, [](const Input& input) { return input.size(); });
}

/// Calls `each` with every member that all have, until it says false.
template <typename Each>
void intersect(Inputs& inputs, Aggregate how, Each each) {
  sort_by_size(inputs);
  walk(inputs[0], [&](std::string_view member, double first) {
    double score = weighted(first, inputs[0].weight);
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      const auto other = inputs[i].score(member);
      if (!other) return true;
      score = joined(how, score, *other * inputs[i].weight);
    }
    return each(member, score);
  });
}

std::vector<Scored> intersection(Inputs& inputs, Aggregate how) {
  std::vector<Scored> members;
  intersect(inputs, how, [&](std::string_view member, double score) {
    members.push_back({SmallString(member), score});
    return true;
  });
  return members;
}

std::vector<Scored> union_of(Inputs& inputs, Aggregate how) {
  sort_by_size(inputs);
  std::vector<Scored> members;
  absl::flat_hash_map<std::string_view, std::size_t> places;
  for (const Input& input : inputs) {
    walk(input, [&](std::string_view member, double plain) {
      const double score = weighted(plain, input.weight);
      const auto [at, fresh] = places.try_emplace(member, members.size());
      if (fresh) {
        members.push_back({SmallString(member), score});
      } else {
        members[at->second].score = joined(how, members[at->second].score, score);
      }
      return true;
    });
  }
  return members;
}

std::vector<Scored> difference(Inputs& inputs, Aggregate /*how*/) {
  std::vector<Scored> members;
  const auto others = std::span(inputs).subspan(1);
  walk(inputs[0], [&](std::string_view member, double score) {
    if (std::ranges::none_of(others,
                             [&](const Input& other) { return other.score(member).has_value(); })) {
      members.push_back({SmallString(member), score});
    }
    return true;
  });
  return members;
}

using Combine = std::vector<Scored> (*)(Inputs&, Aggregate);

// -- Arguments

struct Form {
  std::string_view name;  // as Redis' messages name the command
  std::size_t count_at;   // the argument that counts the keys
  bool weights = false;   // WEIGHTS and AGGREGATE may follow
  bool scores = false;    // WITHSCORES
  bool limit = false;     // LIMIT
};

struct Request {
  Inputs inputs;
  Aggregate how = Aggregate::sum;
  bool with_scores = false;
  std::size_t limit = std::numeric_limits<std::size_t>::max();
};

std::optional<Input> find_input(Table& table, std::string_view key, Instant now, Reply& reply) {
  const Value* value = table.find(key, now);
  if (value == nullptr) return Input{};
  if (value->type() == Type::sorted_set) return Input{.sorted = &value->as_sorted_set()};
  if (value->type() == Type::set) return Input{.plain = &value->as_set()};
  reply.raw_error(errors::wrong_type);
  return std::nullopt;
}

std::optional<Aggregate> aggregate_of(std::string_view text) {
  if (equals_nocase(text, "SUM")) return Aggregate::sum;
  if (equals_nocase(text, "MIN")) return Aggregate::min;
  if (equals_nocase(text, "MAX")) return Aggregate::max;
  return std::nullopt;
}

bool read_weights(Args texts, Inputs& inputs, Reply& reply) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto weight = parse_score(texts[i]);
    if (!weight) {
      reply.raw_error("ERR weight value is not a float");
      return false;
    }
    inputs[i].weight = *weight;
  }
  return true;
}

/// What follows the keys. False: refused.
bool read_options(const Form& form, Args args, Request& request, Reply& reply) {
  const std::size_t keys = request.inputs.size();
  while (!args.empty()) {
    std::size_t taken = 2;
    if (form.weights && args.size() > keys && equals_nocase(args[0], "WEIGHTS")) {
      if (!read_weights(args.subspan(1, keys), request.inputs, reply)) return false;
      taken = 1 + keys;
    } else if (form.weights && args.size() > 1 && equals_nocase(args[0], "AGGREGATE")) {
      const auto how = aggregate_of(args[1]);
      if (!how) return reply.raw_error(errors::syntax), false;
      request.how = *how;
    } else if (form.scores && equals_nocase(args[0], "WITHSCORES")) {
      request.with_scores = true;
      taken = 1;
    } else if (form.limit && args.size() > 1 && equals_nocase(args[0], "LIMIT")) {
      const auto limit = parse_integer(args[1]);
      if (!limit || *limit < 0) return reply.raw_error("ERR LIMIT can't be negative"), false;
      request.limit =
          *limit > 0 ? static_cast<std::size_t>(*limit) : std::numeric_limits<std::size_t>::max();
    } else {
      return reply.raw_error(errors::syntax), false;
    }
    args = args.subspan(taken);
  }
  return true;
}

std::optional<Request> request_of(Table& table, Instant now, const Form& form, Args args,
                                  Reply& reply) {
  const auto count = integer_argument(args[form.count_at], reply);
  if (!count) return std::nullopt;
  if (*count < 1) {
    reply.raw_error("ERR at least 1 input key is needed for '" + std::string(form.name) +
                    "' command");
    return std::nullopt;
  }
  const Args rest = args.subspan(form.count_at + 1);
  if (*count > static_cast<std::int64_t>(rest.size())) {
    reply.raw_error(errors::syntax);
    return std::nullopt;
  }
  const auto keys = static_cast<std::size_t>(*count);
  Request request;
  request.inputs.reserve(keys);
  for (const std::string_view key : rest.first(keys)) {
    const auto input = find_input(table, key, now, reply);
    if (!input) return std::nullopt;
    request.inputs.push_back(*input);
  }
  if (!read_options(form, rest.subspan(keys), request, reply)) return std::nullopt;
  return request;
}

// -- The commands

constexpr Form zunion{.name = "zunion", .count_at = 1, .weights = true, .scores = true};
constexpr Form zinter{.name = "zinter", .count_at = 1, .weights = true, .scores = true};
constexpr Form zdiff{.name = "zdiff", .count_at = 1, .scores = true};
constexpr Form zintercard{.name = "zintercard", .count_at = 1, .limit = true};
constexpr Form zunionstore{.name = "zunionstore", .count_at = 2, .weights = true};
constexpr Form zinterstore{.name = "zinterstore", .count_at = 2, .weights = true};
constexpr Form zdiffstore{.name = "zdiffstore", .count_at = 2};

template <Combine combine, const Form& form>
void read_combined(Table& table, Instant now, Args args, Reply& reply) {
  auto request = request_of(table, now, form, args, reply);
  if (!request) return;
  const auto set = SortedSet::of(combine(request->inputs, request->how));
  reply_members(*set, set->slice(0, set->size()), request->with_scores, false, reply);
}

template <typename Where, Combine combine, const Form& form>
void store_combined(Where& ctx, Args args, Reply& reply) {
  auto request = request_of(ctx.table, ctx.now, form, args, reply);
  if (request) store_members(ctx, args[1], combine(request->inputs, request->how), reply);
}

void count_common(Table& table, Instant now, Args args, Reply& reply) {
  auto request = request_of(table, now, zintercard, args, reply);
  if (!request) return;
  std::size_t count = 0;
  intersect(request->inputs, Aggregate::sum,
            [&](std::string_view, double) { return ++count < request->limit; });
  reply.integer(static_cast<std::int64_t>(count));
}

constexpr std::string_view local_view = "this replica's view";

constexpr Row rows[] = {
    {.name = "ZUNION",
     .code = 380,
     .arity = -3,
     .keys = counted_keys,
     .access = Access::read,
     .flags = flag_flat_pairs,
     .read = read_combined<union_of, zunion>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] "
               "[WITHSCORES]",
     .summary = "Members that any has; sets may be among them, with scores of 1",
     .complexity = "O(N × log N) in the members of all",
     .on_eventual = local_view},
    {.name = "ZINTER",
     .code = 381,
     .arity = -3,
     .keys = counted_keys,
     .access = Access::read,
     .flags = flag_flat_pairs,
     .read = read_combined<intersection, zinter>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] "
               "[WITHSCORES]",
     .summary = "Members that all have; sets may be among them, with scores of 1",
     .complexity = "O(keys × members of the smallest + members replied × log of these)",
     .on_eventual = local_view},
    {.name = "ZDIFF",
     .code = 382,
     .arity = -3,
     .keys = counted_keys,
     .access = Access::read,
     .flags = flag_flat_pairs,
     .read = read_combined<difference, zdiff>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "numkeys key [key ...] [WITHSCORES]",
     .summary = "Members of the first that no other has; sets may be among them",
     .complexity = "O(keys × members of the first + members replied × log of these)",
     .on_eventual = local_view},
    {.name = "ZINTERCARD",
     .code = 383,
     .arity = -3,
     .keys = counted_keys,
     .access = Access::read,
     .read = count_common,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .summary = "How many members all have, counted up to a limit",
     .complexity = "O(keys × members of the smallest)",
     .on_eventual = local_view},
    {.name = "ZUNIONSTORE",
     .code = 384,
     .arity = -4,
     .keys = one_and_counted_keys,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = store_combined<Context, union_of, zunionstore>,
     .eventual = store_combined<EventualContext, union_of, zunionstore>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] "
               "[AGGREGATE <SUM | MIN | MAX>]",
     .summary = "ZUNION into a key",
     .complexity = "O(N × log N) in the members of all",
     .on_eventual = stores_view},
    {.name = "ZINTERSTORE",
     .code = 385,
     .arity = -4,
     .keys = one_and_counted_keys,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = store_combined<Context, intersection, zinterstore>,
     .eventual = store_combined<EventualContext, intersection, zinterstore>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] "
               "[AGGREGATE <SUM | MIN | MAX>]",
     .summary = "ZINTER into a key",
     .complexity = "O(keys × members of the smallest + members stored × log of these)",
     .on_eventual = stores_view},
    {.name = "ZDIFFSTORE",
     .code = 386,
     .arity = -4,
     .keys = one_and_counted_keys,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = store_combined<Context, difference, zdiffstore>,
     .eventual = store_combined<EventualContext, difference, zdiffstore>,
     .group = "sorted-set",
     .since = "0.1",
     .syntax = "destination numkeys key [key ...]",
     .summary = "ZDIFF into a key",
     .complexity = "O(keys × members of the first + members stored × log of these)",
     .on_eventual = stores_view},
};

}  // namespace

std::span<const Row> score_algebra_rows() {
  return rows;
}

}  // namespace holdfast::command
