// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/hash.h"

namespace holdfast::command {
namespace {

// -- Reading one field or a few

void reply_field(const Hash* hash, std::string_view field, Reply& reply) {
  const auto value = hash == nullptr ? std::nullopt : hash->find(field);
  if (!value) return reply.null();
  reply.bulk(*value);
}

void hget(Table& table, Instant now, Args args, Reply& reply) {
  const auto hash = find_hash(table, args[1], now, reply);
  if (hash) reply_field(*hash, args[2], reply);
}

void hmget(Table& table, Instant now, Args args, Reply& reply) {
  const auto hash = find_hash(table, args[1], now, reply);
  if (!hash) return;
  reply.array(args.size() - 2);
  for (const std::string_view field : args.subspan(2)) reply_field(*hash, field, reply);
}

void hlen(Table& table, Instant now, Args args, Reply& reply) {
  const auto hash = find_hash(table, args[1], now, reply);
  if (hash) reply.integer(*hash == nullptr ? 0 : static_cast<std::int64_t>((*hash)->size()));
}

void hexists(Table& table, Instant now, Args args, Reply& reply) {
  const auto hash = find_hash(table, args[1], now, reply);
  if (hash) reply.integer(*hash != nullptr && (*hash)->find(args[2]) ? 1 : 0);
}

void hstrlen(Table& table, Instant now, Args args, Reply& reply) {
  const auto hash = find_hash(table, args[1], now, reply);
  if (!hash) return;
  const auto value = *hash == nullptr ? std::nullopt : (*hash)->find(args[2]);
  reply.integer(value ? static_cast<std::int64_t>(value->size()) : 0);
}

// -- Writing

// HSET and HMSET differ in what they reply.
std::optional<std::int64_t> put_fields(Context& ctx, Args args, Reply& reply) {
  Hash* hash = hash_to_fill(ctx, args[1], reply);
  if (hash == nullptr) return std::nullopt;
  std::int64_t made = 0;
  for (std::size_t i = 2; i < args.size(); i += 2) made += hash->put(args[i], args[i + 1]) ? 1 : 0;
  return made;
}

void hset(Context& ctx, Args args, Reply& reply) {
  if (args.size() % 2 != 0) return wrong_arity("hset", reply);
  if (const auto made = put_fields(ctx, args, reply)) reply.integer(*made);
}

void hmset(Context& ctx, Args args, Reply& reply) {
  if (args.size() % 2 != 0) return wrong_arity("hmset", reply);
  if (put_fields(ctx, args, reply)) reply.ok();
}

bool hsetnx_changes_nothing(Table& table, Instant now, Args args, Reply& reply) {
  const auto hash = find_hash(table, args[1], now, reply);
  if (!hash) return true;
  if (*hash == nullptr || !(*hash)->find(args[2])) return false;
  reply.integer(0);
  return true;
}

void hsetnx(Context& ctx, Args args, Reply& reply) {
  if (hsetnx_changes_nothing(ctx.table, ctx.now, args, reply)) return;
  hash_to_fill(ctx, args[1], reply)->put(args[2], args[3]);
  reply.integer(1);
}

bool has_any(const Hash& hash, Args fields) {
  return std::ranges::any_of(fields, [&](auto field) { return hash.find(field).has_value(); });
}

bool hdel_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  const auto found = find_hash(table, args[1], now, reply);
  if (!found) return true;
  if (*found != nullptr && has_any(**found, args.subspan(2))) return false;
  reply.integer(0);
  return true;
}

void hdel(Context& ctx, Args args, Reply& reply) {
  if (hdel_finds_nothing(ctx.table, ctx.now, args, reply)) return;
  const Args fields = args.subspan(2);
  Hash& hash = ctx.table.change(args[1], ctx.now)->as_hash();
  std::int64_t erased = 0;
  for (const std::string_view field : fields) erased += hash.erase(field) ? 1 : 0;
  if (hash.size() == 0) ctx.table.erase(args[1]);
  reply.integer(erased);
}

// What HINCRBY makes of the field; nothing when it may not, the error written.
std::optional<std::int64_t> sum_of(const Hash* hash, std::string_view field, std::int64_t delta,
                                   Reply& reply) {
  const auto text = hash == nullptr ? std::nullopt : hash->find(field);
  if (!text) return delta;
  const auto old = parse_integer(*text);
  if (!old) {
    reply.raw_error("ERR hash value is not an integer");
    return std::nullopt;
  }
  std::int64_t sum = 0;
  if (__builtin_add_overflow(*old, delta, &sum)) {
    reply.raw_error(errors::overflow);
    return std::nullopt;
  }
  return sum;
}

void hincrby(Context& ctx, Args args, Reply& reply) {
  const auto delta = integer_argument(args[3], reply);
  if (!delta) return;
  Hash* hash = hash_to_fill(ctx, args[1], reply);
  if (hash == nullptr) return;
  const auto sum = sum_of(hash, args[2], *delta, reply);
  if (!sum) return;  // then the field was there, so no empty hash stays behind
  char text[20];
  const char* end = std::to_chars(text, text + sizeof(text), *sum).ptr;
  hash->put(args[2], {text, static_cast<std::size_t>(end - text)});
  reply.integer(*sum);
}

void hincrbyfloat(Context& ctx, Args args, Reply& reply) {
  const auto delta = parse_real(args[3]);
  if (!delta) return reply.raw_error(errors::not_a_float);
  if (!std::isfinite(*delta)) return reply.raw_error("ERR value is NaN or Infinity");
  const auto hash = find_hash(ctx.table, args[1], ctx.now, reply);
  if (!hash) return;
  const auto field = *hash == nullptr ? std::nullopt : (*hash)->find(args[2]);
  const auto old = field ? parse_real(*field) : 0.0L;
  if (!old) return reply.raw_error("ERR hash value is not a float");
  const long double sum = *old + *delta;
  if (!std::isfinite(sum)) return reply.raw_error(errors::not_finite);
  const std::string text = real_text(sum);
  hash_to_fill(ctx, args[1], reply)->put(args[2], text);
  reply.bulk(text);
}

// -- In eventual keyspaces. An effect is in the table when emit() returns, so
// what was found must be found again after it.

std::optional<std::int64_t> merge_put_fields(EventualContext& ctx, Args args, Reply& reply) {
  std::int64_t made = 0;
  for (std::size_t i = 2; i < args.size(); i += 2) {
    const auto hash = find_hash(ctx.table, args[1], ctx.now, reply);
    if (!hash) return std::nullopt;
    made += *hash == nullptr || !(*hash)->find(args[i]) ? 1 : 0;
    ctx.effects.emit(
        {.kind = EffectKind::put_field, .key = args[1], .element = args[i], .text = args[i + 1]});
  }
  return made;
}

void merge_hset(EventualContext& ctx, Args args, Reply& reply) {
  if (args.size() % 2 != 0) return wrong_arity("hset", reply);
  if (const auto made = merge_put_fields(ctx, args, reply)) reply.integer(*made);
}

void merge_hmset(EventualContext& ctx, Args args, Reply& reply) {
  if (args.size() % 2 != 0) return wrong_arity("hmset", reply);
  if (merge_put_fields(ctx, args, reply)) reply.ok();
}

void merge_hdel(EventualContext& ctx, Args args, Reply& reply) {
  std::int64_t erased = 0;
  for (const std::string_view field : args.subspan(2)) {
    const auto hash = find_hash(ctx.table, args[1], ctx.now, reply);
    if (!hash) return;
    if (*hash == nullptr) break;
    if (!(*hash)->find(field)) continue;
    ++erased;
    ctx.effects.emit({.kind = EffectKind::remove_field, .key = args[1], .element = field});
  }
  reply.integer(erased);
}

void merge_hincrby(EventualContext& ctx, Args args, Reply& reply) {
  const auto delta = integer_argument(args[3], reply);
  if (!delta) return;
  const auto hash = find_hash(ctx.table, args[1], ctx.now, reply);
  if (!hash) return;
  const auto sum = sum_of(*hash, args[2], *delta, reply);
  if (!sum) return;
  ctx.effects.emit(
      {.kind = EffectKind::add_field, .key = args[1], .element = args[2], .number = *delta});
  reply.integer(*sum);
}

constexpr std::string_view local_view = "this replica's view";
constexpr std::string_view last_writer =
    "each field by itself: the last writer by hybrid clock, then origin, wins";

constexpr Row rows[] = {
    {.name = "HSET",
     .code = 200,
     .arity = -4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = hset,
     .eventual = merge_hset,
     .group = "hash",
     .since = "0.1",
     .syntax = "key field value [field value ...]",
     .summary = "Put fields; reply how many are new",
     .complexity = "O(fields)",
     .on_eventual = last_writer},
    {.name = "HSETNX",
     .code = 201,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = hsetnx,
     .unchanged = hsetnx_changes_nothing,
     .group = "hash",
     .since = "0.1",
     .syntax = "key field value",
     .summary = "Put a field, unless it is there",
     .complexity = "O(1)",
     .on_eventual = condition_needs_strong,
     .event = "hset"},
    {.name = "HMSET",
     .code = 202,
     .arity = -4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = hmset,
     .eventual = merge_hmset,
     .group = "hash",
     .since = "0.1",
     .syntax = "key field value [field value ...]",
     .summary = "HSET that replies OK",
     .complexity = "O(fields)",
     .on_eventual = last_writer,
     .event = "hset"},
    {.name = "HGET",
     .code = 203,
     .arity = 3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = hget,
     .group = "hash",
     .since = "0.1",
     .syntax = "key field",
     .summary = "A field's value, or null",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "HMGET",
     .code = 204,
     .arity = -3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = hmget,
     .group = "hash",
     .since = "0.1",
     .syntax = "key field [field ...]",
     .summary = "Several fields' values; null for what is missing",
     .complexity = "O(fields)",
     .on_eventual = local_view},
    {.name = "HLEN",
     .code = 205,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = hlen,
     .group = "hash",
     .since = "0.1",
     .syntax = "key",
     .summary = "How many fields there are",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "HEXISTS",
     .code = 206,
     .arity = 3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = hexists,
     .group = "hash",
     .since = "0.1",
     .syntax = "key field",
     .summary = "Whether a field is there",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "HDEL",
     .code = 207,
     .arity = -3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = hdel,
     .unchanged = hdel_finds_nothing,
     .eventual = merge_hdel,
     .group = "hash",
     .since = "0.1",
     .syntax = "key field [field ...]",
     .summary = "Remove fields; reply how many were there",
     .complexity = "O(fields)",
     .on_eventual = "removes what it had seen of each field"},
    {.name = "HINCRBY",
     .code = 208,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = hincrby,
     .eventual = merge_hincrby,
     .group = "hash",
     .since = "0.1",
     .syntax = "key field increment",
     .summary = "Add to a field's number",
     .complexity = "O(1)",
     .on_eventual = "every increment with a distinct id counts once; the reply is this replica's "
                    "view"},
    {.name = "HINCRBYFLOAT",
     .code = 209,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = hincrbyfloat,
     .group = "hash",
     .since = "0.1",
     .syntax = "key field increment",
     .summary = "Add to a field's number with a fraction",
     .complexity = "O(1)",
     .on_eventual = "needs a strong keyspace: sums of floating-point numbers depend on the order "
                    "of adding"},
    {.name = "HSTRLEN",
     .code = 210,
     .arity = 3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = hstrlen,
     .group = "hash",
     .since = "0.1",
     .syntax = "key field",
     .summary = "Length of a field's value in bytes",
     .complexity = "O(1)",
     .on_eventual = local_view},
};

}  // namespace

std::span<const Row> field_rows() {
  return rows;
}

}  // namespace holdfast::command
