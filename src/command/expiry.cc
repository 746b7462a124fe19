// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"

namespace holdfast::command {
namespace {

// -- Setting. One set of functions for the four commands that differ in unit
// and in what they count from.

struct Form {
  bool seconds;
  bool absolute;
  std::string_view redis_name;
};
constexpr Form expire_form{true, false, "expire"};
constexpr Form pexpire_form{false, false, "pexpire"};
constexpr Form expireat_form{true, true, "expireat"};
constexpr Form pexpireat_form{false, true, "pexpireat"};

constexpr std::size_t shown_bytes_max = 128;  // of a word that is not known

struct Conditions {
  bool nx = false;  // only without a time
  bool xx = false;  // only with one
  bool gt = false;  // only to a later one; none is the latest
  bool lt = false;  // only to an earlier one
  bool any() const { return nx || xx || gt || lt; }

  bool allow(std::optional<Instant> old, Instant at) const {
    if (nx && old) return false;
    if (xx && !old) return false;
    if (gt && (!old || at <= *old)) return false;
    return !(lt && old && at >= *old);
  }
};

std::optional<Conditions> conditions_of(Args args, Reply& reply) {
  Conditions conditions;
  for (const std::string_view word : args.subspan(3)) {
    if (equals_nocase(word, "NX")) {
      conditions.nx = true;
    } else if (equals_nocase(word, "XX")) {
      conditions.xx = true;
    } else if (equals_nocase(word, "GT")) {
      conditions.gt = true;
    } else if (equals_nocase(word, "LT")) {
      conditions.lt = true;
    } else {
      reply.raw_error("ERR Unsupported option " + std::string(word.substr(0, shown_bytes_max)));
      return std::nullopt;
    }
  }
  if (conditions.nx && (conditions.xx || conditions.gt || conditions.lt)) {
    reply.raw_error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return std::nullopt;
  }
  if (conditions.gt && conditions.lt) {
    reply.raw_error("ERR GT and LT options at the same time are not compatible");
    return std::nullopt;
  }
  return conditions;
}

/// The time that a key is to get. Nothing: none, and the reply says so.
std::optional<Instant> time_to_set(Table& table, Instant now, Args args, const Form& form,
                                   Reply& reply) {
  const auto conditions = conditions_of(args, reply);
  if (!conditions) return std::nullopt;
  const auto at =
      any_expiry_argument({args[2], form.seconds, form.absolute}, now, form.redis_name, reply);
  if (!at) return std::nullopt;
  if (table.find(args[1], now) != nullptr &&
      (!conditions->any() || conditions->allow(table.expiry(args[1], now), *at))) {
    return at;
  }
  reply.integer(0);
  return std::nullopt;
}

void set_time(Context& ctx, Args args, const Form& form, Reply& reply) {
  const auto at = time_to_set(ctx.table, ctx.now, args, form, reply);
  if (!at) return;
  if (*at <= ctx.now) {
    ctx.table.erase(args[1]);
  } else {
    ctx.table.set_expiry(args[1], at);
  }
  reply.integer(1);
}

// A time that has passed removes what was seen, as DEL does, rather than
// setting a time that would hide a concurrent write too.
void merge_set_time(EventualContext& ctx, Args args, const Form& form, Reply& reply) {
  const auto conditions = conditions_of(args, reply);
  if (!conditions) return;
  const auto at =
      any_expiry_argument({args[2], form.seconds, form.absolute}, ctx.now, form.redis_name, reply);
  if (!at) return;
  if (conditions->any()) {
    return reply.error(
        {Code::unsupported, "a time with NX, XX, GT or LT " + std::string(condition_needs_strong)});
  }
  if (ctx.table.find(args[1], ctx.now) == nullptr) return reply.integer(0);
  if (*at <= ctx.now) {
    ctx.effects.emit({.kind = EffectKind::clear, .key = args[1]});
  } else {
    ctx.effects.emit({.kind = EffectKind::expire, .key = args[1], .number = to_ms(*at)});
  }
  reply.integer(1);
}

template <const Form& form>
void strong(Context& ctx, Args args, Reply& reply) {
  set_time(ctx, args, form, reply);
}
template <const Form& form>
bool sets_nothing(Table& table, Instant now, Args args, Reply& reply) {
  return !time_to_set(table, now, args, form, reply);
}
template <const Form& form>
void merge(EventualContext& ctx, Args args, Reply& reply) {
  merge_set_time(ctx, args, form, reply);
}

bool persist_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  if (table.expiry(args[1], now)) return false;
  reply.integer(0);
  return true;
}

void persist(Context& ctx, Args args, Reply& reply) {
  if (persist_finds_nothing(ctx.table, ctx.now, args, reply)) return;
  ctx.table.set_expiry(args[1], std::nullopt);
  reply.integer(1);
}

void merge_persist(EventualContext& ctx, Args args, Reply& reply) {
  const bool has_time = ctx.table.expiry(args[1], ctx.now).has_value();
  if (has_time) ctx.effects.emit({.kind = EffectKind::persist, .key = args[1]});
  reply.integer(has_time ? 1 : 0);
}

// -- Asking

std::int64_t in_seconds(std::int64_t ms) {
  return ms / 1000 + (ms % 1000 >= 500 ? 1 : 0);
}

// -2: no such key, -1: no time. Else what `number` makes of the time, in ms.
void reply_time(Table& table, Instant now, std::string_view key, bool relative, bool seconds,
                Reply& reply) {
  if (table.find(key, now) == nullptr) return reply.integer(-2);
  const auto at = table.expiry(key, now);
  if (!at) return reply.integer(-1);
  const std::int64_t ms = relative ? to_ms(*at) - to_ms(now) : to_ms(*at);
  reply.integer(seconds ? in_seconds(ms) : ms);
}

void ttl(Table& table, Instant now, Args args, Reply& reply) {
  reply_time(table, now, args[1], true, true, reply);
}
void pttl(Table& table, Instant now, Args args, Reply& reply) {
  reply_time(table, now, args[1], true, false, reply);
}
void expiretime(Table& table, Instant now, Args args, Reply& reply) {
  reply_time(table, now, args[1], false, true, reply);
}
void pexpiretime(Table& table, Instant now, Args args, Reply& reply) {
  reply_time(table, now, args[1], false, false, reply);
}

constexpr std::string_view local_view = "this replica's view";
constexpr std::string_view last_writer =
    "the last writer wins; a time that has passed removes what it had seen; NX, XX, GT and LT "
    "need a strong keyspace";

constexpr Row rows[] = {
    {.name = "EXPIRE",
     .code = 420,
     .arity = -3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = strong<expire_form>,
     .unchanged = sets_nothing<expire_form>,
     .eventual = merge<expire_form>,
     .group = "generic",
     .since = "0.1",
     .syntax = "key seconds [NX | XX | GT | LT]",
     .summary = "Let a key go after some seconds",
     .complexity = "O(1)",
     .on_eventual = last_writer,
     .event = "expire"},
    {.name = "PEXPIRE",
     .code = 421,
     .arity = -3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = strong<pexpire_form>,
     .unchanged = sets_nothing<pexpire_form>,
     .eventual = merge<pexpire_form>,
     .group = "generic",
     .since = "0.1",
     .syntax = "key milliseconds [NX | XX | GT | LT]",
     .summary = "Let a key go after some milliseconds",
     .complexity = "O(1)",
     .on_eventual = last_writer,
     .event = "expire"},
    {.name = "EXPIREAT",
     .code = 422,
     .arity = -3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = strong<expireat_form>,
     .unchanged = sets_nothing<expireat_form>,
     .eventual = merge<expireat_form>,
     .group = "generic",
     .since = "0.1",
     .syntax = "key unix-time-seconds [NX | XX | GT | LT]",
     .summary = "Let a key go at a second since 1970",
     .complexity = "O(1)",
     .on_eventual = last_writer,
     .event = "expire"},
    {.name = "PEXPIREAT",
     .code = 423,
     .arity = -3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = strong<pexpireat_form>,
     .unchanged = sets_nothing<pexpireat_form>,
     .eventual = merge<pexpireat_form>,
     .group = "generic",
     .since = "0.1",
     .syntax = "key unix-time-milliseconds [NX | XX | GT | LT]",
     .summary = "Let a key go at a millisecond since 1970",
     .complexity = "O(1)",
     .on_eventual = last_writer,
     .event = "expire"},
    {.name = "PERSIST",
     .code = 424,
     .arity = 2,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = persist,
     .unchanged = persist_finds_nothing,
     .eventual = merge_persist,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "Let a key stay after all",
     .complexity = "O(1)",
     .on_eventual = "the last writer wins"},
    {.name = "TTL",
     .code = 425,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = ttl,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "Seconds that a key has left; -1: no end, -2: no key",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "PTTL",
     .code = 426,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = pttl,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "Milliseconds that a key has left; -1: no end, -2: no key",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "EXPIRETIME",
     .code = 427,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = expiretime,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "The second since 1970 at which a key goes; -1: never, -2: no key",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "PEXPIRETIME",
     .code = 428,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = pexpiretime,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "The millisecond since 1970 at which a key goes; -1: never, -2: no key",
     .complexity = "O(1)",
     .on_eventual = local_view},
};

}  // namespace

std::span<const Row> expiry_rows() {
  return rows;
}

}  // namespace holdfast::command
