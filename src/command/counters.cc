// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/value.h"

namespace holdfast::command {
namespace {

// What an increment makes of the value that is there; nothing when it may not,
// the error written.
std::optional<std::int64_t> sum_of(const Value* value, std::int64_t delta, Reply& reply) {
  if (value == nullptr) return delta;
  const auto old = value->as_integer();
  if (!old) {
    reply.raw_error(errors::not_an_integer);
    return std::nullopt;
  }
  std::int64_t sum = 0;
  if (__builtin_add_overflow(*old, delta, &sum)) {
    reply.raw_error(errors::overflow);
    return std::nullopt;
  }
  return sum;
}

// Changes without finding first: an increment that fails is rare, and all it
// costs is a WATCH that fails for nothing.
void add(Context& ctx, std::string_view key, std::int64_t delta, Reply& reply) {
  const auto value = change_string(ctx, key, reply);
  if (!value) return;
  const auto sum = sum_of(*value, delta, reply);
  if (!sum) return;
  if (*value != nullptr) {
    **value = Value::integer(*sum);
  } else {
    ctx.table.put(key, Value::integer(*sum));
  }
  reply.integer(*sum);
}

// The overflow is refused here, at the origin; what concurrent increments add
// up to is the merge's affair.
void merge_add(EventualContext& ctx, std::string_view key, std::int64_t delta, Reply& reply) {
  const auto value = find_string(ctx.table, key, ctx.now, reply);
  if (!value) return;
  const auto sum = sum_of(*value, delta, reply);
  if (!sum) return;
  ctx.effects.emit({.kind = EffectKind::add, .key = key, .number = delta});
  reply.integer(*sum);
}

std::optional<std::int64_t> decrement_argument(std::string_view text, Reply& reply) {
  const auto number = integer_argument(text, reply);
  if (!number) return std::nullopt;
  if (*number == std::numeric_limits<std::int64_t>::min()) {
    reply.raw_error("ERR decrement would overflow");
    return std::nullopt;
  }
  return -*number;
}

void incr(Context& ctx, Args args, Reply& reply) {
  add(ctx, args[1], 1, reply);
}
void decr(Context& ctx, Args args, Reply& reply) {
  add(ctx, args[1], -1, reply);
}
void incrby(Context& ctx, Args args, Reply& reply) {
  if (const auto delta = integer_argument(args[2], reply)) add(ctx, args[1], *delta, reply);
}
void decrby(Context& ctx, Args args, Reply& reply) {
  if (const auto delta = decrement_argument(args[2], reply)) add(ctx, args[1], *delta, reply);
}

void merge_incr(EventualContext& ctx, Args args, Reply& reply) {
  merge_add(ctx, args[1], 1, reply);
}
void merge_decr(EventualContext& ctx, Args args, Reply& reply) {
  merge_add(ctx, args[1], -1, reply);
}
void merge_incrby(EventualContext& ctx, Args args, Reply& reply) {
  if (const auto delta = integer_argument(args[2], reply)) merge_add(ctx, args[1], *delta, reply);
}
void merge_decrby(EventualContext& ctx, Args args, Reply& reply) {
  if (const auto delta = decrement_argument(args[2], reply)) merge_add(ctx, args[1], *delta, reply);
}

void incrbyfloat(Context& ctx, Args args, Reply& reply) {
  const auto value = find_string(ctx.table, args[1], ctx.now, reply);
  if (!value) return;
  IntegerText room;
  const auto old = *value == nullptr ? 0.0L : parse_real((*value)->text(room));
  const auto delta = old ? parse_real(args[2]) : std::nullopt;
  if (!delta) return reply.raw_error(errors::not_a_float);
  const long double sum = *old + *delta;
  if (!std::isfinite(sum)) return reply.raw_error(errors::not_finite);
  const std::string text = real_text(sum);
  ctx.table.change(args[1], ctx.now);  // an expired value's time must not be kept
  ctx.table.put(args[1], Value::string(text));
  reply.bulk(text);
}

constexpr std::string_view counts_once =
    "every increment with a distinct id counts once; the reply is this replica's view";

constexpr Row rows[] = {
    {.name = "INCR",
     .code = 120,
     .arity = 2,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = incr,
     .eventual = merge_incr,
     .group = "string",
     .since = "0.1",
     .syntax = "key",
     .summary = "Add 1 to a number; a missing one is 0",
     .complexity = "O(1)",
     .on_eventual = counts_once,
     .event = "incrby"},
    {.name = "DECR",
     .code = 121,
     .arity = 2,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = decr,
     .eventual = merge_decr,
     .group = "string",
     .since = "0.1",
     .syntax = "key",
     .summary = "Take 1 from a number; a missing one is 0",
     .complexity = "O(1)",
     .on_eventual = counts_once,
     .event = "incrby"},
    {.name = "INCRBY",
     .code = 122,
     .arity = 3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = incrby,
     .eventual = merge_incrby,
     .group = "string",
     .since = "0.1",
     .syntax = "key increment",
     .summary = "Add to a number",
     .complexity = "O(1)",
     .on_eventual = counts_once},
    {.name = "DECRBY",
     .code = 123,
     .arity = 3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = decrby,
     .eventual = merge_decrby,
     .group = "string",
     .since = "0.1",
     .syntax = "key decrement",
     .summary = "Take from a number",
     .complexity = "O(1)",
     .on_eventual = counts_once,
     .event = "incrby"},
    {.name = "INCRBYFLOAT",
     .code = 124,
     .arity = 3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = incrbyfloat,
     .group = "string",
     .since = "0.1",
     .syntax = "key increment",
     .summary = "Add to a number with a fraction",
     .complexity = "O(1)",
     .on_eventual = "needs a strong keyspace: sums of floating-point numbers depend on the order "
                    "of adding"},
};

}  // namespace

std::span<const Row> counter_rows() {
  return rows;
}

}  // namespace holdfast::command
