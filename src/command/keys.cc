// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/value.h"

namespace holdfast::command {
namespace {

// -- Reading

// EXISTS and TOUCH: a key named twice counts twice.
void count_present(Table& table, Instant now, Args args, Reply& reply) {
  std::int64_t present = 0;
  for (const std::string_view key : args.subspan(1)) {
    present += table.find(key, now) != nullptr ? 1 : 0;
  }
  reply.integer(present);
}

void type(Table& table, Instant now, Args args, Reply& reply) {
  const Value* value = table.find(args[1], now);
  reply.simple(value == nullptr ? "none" : type_name(value->type()));
}

// -- Writing

bool del_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  for (const std::string_view key : args.subspan(1)) {
    if (table.find(key, now) != nullptr) return false;
  }
  reply.integer(0);
  return true;
}

void del(Context& ctx, Args args, Reply& reply) {
  std::int64_t erased = 0;
  for (const std::string_view key : args.subspan(1)) {
    if (ctx.table.find(key, ctx.now) == nullptr) continue;
    ctx.table.erase(key);
    ++erased;
  }
  reply.integer(erased);
}

// Puts a value with its time where another may have been.
void place(Table& table, std::string_view key, Value value, std::optional<Instant> expiry) {
  replace(table, key, std::move(value));
  if (expiry) table.set_expiry(key, expiry);
}

void rename(Context& ctx, Args args, Reply& reply) {
  if (ctx.table.find(args[1], ctx.now) == nullptr) return reply.raw_error("ERR no such key");
  if (args[1] != args[2]) ctx.table.move(args[1], args[2]);
  reply.ok();
}

bool renamenx_changes_nothing(Table& table, Instant now, Args args, Reply& reply) {
  if (table.find(args[1], now) == nullptr) {
    reply.raw_error("ERR no such key");
    return true;
  }
  // Also refuses a key's own name, as Redis does.
  if (table.find(args[2], now) == nullptr) return false;
  reply.integer(0);
  return true;
}

void renamenx(Context& ctx, Args args, Reply& reply) {
  if (renamenx_changes_nothing(ctx.table, ctx.now, args, reply)) return;
  ctx.table.move(args[1], args[2]);
  reply.integer(1);
}

// There is one, number 0. False, and Redis' error written: it is another.
bool names_our_database(std::string_view text, Reply& reply) {
  const auto db = integer_argument(text, reply);
  if (!db) return false;
  if (*db == 0) return true;
  const bool fits = *db == static_cast<std::int32_t>(*db);
  reply.raw_error(fits
                      ? "ERR DB index is out of range"
                      : "ERR value is out of range, value must between -2147483648 and 2147483647");
  return false;
}

struct CopyOptions {
  bool replace = false;
};

std::optional<CopyOptions> copy_options(Args args, Reply& reply) {
  CopyOptions options;
  for (std::size_t i = 3; i < args.size(); ++i) {
    if (equals_nocase(args[i], "REPLACE")) {
      options.replace = true;
    } else if (equals_nocase(args[i], "DB") && i + 1 < args.size()) {
      if (!names_our_database(args[++i], reply)) return std::nullopt;
    } else {
      reply.raw_error(errors::syntax);
      return std::nullopt;
    }
  }
  return options;
}

void copy(Context& ctx, Args args, Reply& reply) {
  const auto options = copy_options(args, reply);
  if (!options) return;
  if (args[1] == args[2]) {
    return reply.raw_error("ERR source and destination objects are the same");
  }
  const Value* source = ctx.table.find(args[1], ctx.now);
  if (source == nullptr) return reply.integer(0);
  Value value = source->clone();
  const auto expiry = ctx.table.expiry(args[1], ctx.now);
  if (!options->replace && ctx.table.find(args[2], ctx.now) != nullptr) return reply.integer(0);
  place(ctx.table, args[2], std::move(value), expiry);
  reply.integer(1);
}

// A key is in the only database already.
void move(Context& ctx, Args args, Reply& reply) {
  static_cast<void>(ctx);
  if (!names_our_database(args[2], reply)) return;
  reply.raw_error("ERR source and destination objects are the same");
}

// -- In eventual keyspaces

void merge_del(EventualContext& ctx, Args args, Reply& reply) {
  std::int64_t erased = 0;
  for (const std::string_view key : args.subspan(1)) {
    if (ctx.table.find(key, ctx.now) == nullptr) continue;
    ++erased;
    ctx.effects.emit({.kind = EffectKind::clear, .key = key});
  }
  reply.integer(erased);
}

constexpr std::string_view local_view = "this replica's view";
constexpr std::string_view two_places =
    "needs a strong keyspace: it promises that the value is under one of the two names";

constexpr Row rows[] = {
    {.name = "DEL",
     .code = 400,
     .arity = -2,
     .keys = all_keys,
     .access = Access::write,
     .strong = del,
     .unchanged = del_finds_nothing,
     .eventual = merge_del,
     .group = "generic",
     .since = "0.1",
     .syntax = "key [key ...]",
     .summary = "Delete keys; reply how many were there",
     .complexity = "O(keys)",
     .on_eventual = "removes what it had seen"},
    {.name = "UNLINK",
     .code = 401,
     .arity = -2,
     .keys = all_keys,
     .access = Access::write,
     .flags = flag_fast,
     .strong = del,
     .unchanged = del_finds_nothing,
     .eventual = merge_del,
     .group = "generic",
     .since = "0.1",
     .syntax = "key [key ...]",
     .summary = "DEL",
     .complexity = "O(keys)",
     .on_eventual = "removes what it had seen",
     .event = "del"},
    {.name = "EXISTS",
     .code = 402,
     .arity = -2,
     .keys = all_keys,
     .access = Access::read,
     .flags = flag_fast,
     .read = count_present,
     .group = "generic",
     .since = "0.1",
     .syntax = "key [key ...]",
     .summary = "How many of the keys are there",
     .complexity = "O(keys)",
     .on_eventual = local_view},
    {.name = "TYPE",
     .code = 403,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = type,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "What a key holds: string, hash, set, zset or none",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "TOUCH",
     .code = 404,
     .arity = -2,
     .keys = all_keys,
     .access = Access::read,
     .flags = flag_fast,
     .read = count_present,
     .group = "generic",
     .since = "0.1",
     .syntax = "key [key ...]",
     .summary = "EXISTS; last use of a key is not kept",
     .complexity = "O(keys)",
     .on_eventual = local_view},
    {.name = "COPY",
     .code = 405,
     .arity = -3,
     .keys = {1, 2, 1},
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = copy,
     .group = "generic",
     .since = "0.1",
     .syntax = "source destination [DB destination-db] [REPLACE]",
     .summary = "Copy a key with its time to live",
     .complexity = "O(elements)",
     .on_eventual = condition_needs_strong,
     .event = "- copy_to"},
    {.name = "RENAME",
     .code = 406,
     .arity = 3,
     .keys = {1, 2, 1},
     .access = Access::write,
     .strong = rename,
     .group = "generic",
     .since = "0.1",
     .syntax = "key newkey",
     .summary = "Give a key another name, in place of what had it",
     .complexity = "O(1)",
     .on_eventual = two_places,
     .event = "rename_from rename_to"},
    {.name = "MOVE",
     .code = 475,
     .arity = 3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = move,
     .group = "generic",
     .since = "0.1",
     .syntax = "key destination-db",
     .summary = "Refused: there is one database, and keyspaces divide the data",
     .complexity = "O(1)",
     .on_eventual = "needs a strong keyspace: it promises that a key is in one database only"},
    {.name = "RENAMENX",
     .code = 407,
     .arity = 3,
     .keys = {1, 2, 1},
     .access = Access::write,
     .flags = flag_fast,
     .strong = renamenx,
     .unchanged = renamenx_changes_nothing,
     .group = "generic",
     .since = "0.1",
     .syntax = "key newkey",
     .summary = "RENAME, unless the new name is taken",
     .complexity = "O(1)",
     .on_eventual = two_places,
     .event = "rename_from rename_to"},
};

}  // namespace

std::span<const Row> keyword_rows() {
  return rows;
}

}  // namespace holdfast::command
