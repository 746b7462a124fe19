// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/value.h"

namespace holdfast::command {
namespace {

// -- Options of SET and GETEX

struct Options {
  bool nx = false;
  bool xx = false;
  bool get = false;
  bool keep_ttl = false;
  bool persist = false;
  std::optional<ExpiryText> expiry;

  bool sets_time() const { return keep_ttl || persist || expiry.has_value(); }
  bool depends_on_old() const { return nx || xx || get; }
};

// Which words each of the two knows.
enum class OptionsOf : std::uint8_t { set, getex };

bool same_expiry(const Options& options, bool seconds, bool absolute) {
  return options.expiry && options.expiry->seconds == seconds &&
         options.expiry->absolute == absolute && !options.keep_ttl && !options.persist;
}

bool take_expiry(Options& options, std::string_view word, std::string_view text) {
  struct Unit {
    std::string_view word;
    bool seconds, absolute;
  };
  static constexpr Unit units[] = {
      {"EX", true, false}, {"PX", false, false}, {"EXAT", true, true}, {"PXAT", false, true}};
  for (const Unit& unit : units) {
    if (!equals_nocase(word, unit.word)) continue;
    // Saying the same twice is allowed, the last counts.
    if (options.sets_time() && !same_expiry(options, unit.seconds, unit.absolute)) return false;
    options.expiry = ExpiryText{text, unit.seconds, unit.absolute};
    return true;
  }
  return false;
}

std::optional<Options> parse_options(Args args, std::size_t from, OptionsOf of, Reply& reply) {
  Options options;
  const bool set = of == OptionsOf::set;
  for (std::size_t i = from; i < args.size(); ++i) {
    const std::string_view word = args[i];
    if (set && equals_nocase(word, "NX") && !options.xx) {
      options.nx = true;
    } else if (set && equals_nocase(word, "XX") && !options.nx) {
      options.xx = true;
    } else if (set && equals_nocase(word, "GET")) {
      options.get = true;
    } else if (set && equals_nocase(word, "KEEPTTL") && !options.expiry) {
      options.keep_ttl = true;
    } else if (!set && equals_nocase(word, "PERSIST") && !options.expiry) {
      options.persist = true;
    } else if (i + 1 < args.size() && take_expiry(options, word, args[i + 1])) {
      ++i;
    } else {
      reply.raw_error(errors::syntax);
      return std::nullopt;
    }
  }
  return options;
}

// -- Reading

void get(Table& table, Instant now, Args args, Reply& reply) {
  const auto value = find_string(table, args[1], now, reply);
  if (value) reply_text(*value, reply);
}

void mget(Table& table, Instant now, Args args, Reply& reply) {
  reply.array(args.size() - 1);
  for (const std::string_view key : args.subspan(1)) {
    const Value* value = table.find(key, now);
    reply_text(value != nullptr && value->type() == Type::string ? value : nullptr, reply);
  }
}

// -- Writing

struct Setting {
  Options options;
  std::optional<Instant> at;
};

/// What SET with options is to do. Nothing: nothing, and the reply says so.
std::optional<Setting> setting_of(Table& table, Instant now, Args args, Reply& reply) {
  const auto options = parse_options(args, 3, OptionsOf::set, reply);
  if (!options) return std::nullopt;
  Setting setting{.options = *options, .at = {}};
  if (options->expiry) {
    setting.at = expiry_argument(*options->expiry, now, "set", reply);
    if (!setting.at) return std::nullopt;
  }
  if (!options->depends_on_old()) return setting;
  if (options->get && !find_string(table, args[1], now, reply)) return std::nullopt;
  const Value* old = table.find(args[1], now);
  const bool refused = options->nx ? old != nullptr : options->xx && old == nullptr;
  if (!refused) return setting;
  reply_text(options->get ? old : nullptr, reply);
  return std::nullopt;
}

void set_with_options(Context& ctx, Args args, Reply& reply) {
  const std::string_view key = args[1];
  const auto setting = setting_of(ctx.table, ctx.now, args, reply);
  if (!setting) return;
  const auto& [options, at] = *setting;
  options.get ? reply_text(ctx.table.find(key, ctx.now), reply) : reply.ok();
  if (at && *at <= ctx.now) {
    ctx.table.erase(key);
    return;
  }
  if (options.keep_ttl) {
    ctx.table.change(key, ctx.now);  // an expired value's time must not be kept
    ctx.table.put(key, Value::string(args[2]));
    return;
  }
  replace(ctx.table, key, Value::string(args[2]));
  if (at) ctx.table.set_expiry(key, at);
}

// For locks, which many ask for that one has.
bool set_changes_nothing(Table& table, Instant now, Args args, Reply& reply) {
  return args.size() > 3 && !setting_of(table, now, args, reply);
}

void set(Context& ctx, Args args, Reply& reply) {
  if (args.size() > 3) return set_with_options(ctx, args, reply);
  replace(ctx.table, args[1], Value::string(args[2]));
  reply.ok();
}

void set_with_expiry(Context& ctx, Args args, bool seconds, Reply& reply) {
  const auto at =
      expiry_argument({args[2], seconds, false}, ctx.now, seconds ? "setex" : "psetex", reply);
  if (!at) return;
  ctx.table.put(args[1], Value::string(args[3]));
  ctx.table.set_expiry(args[1], at);
  reply.ok();
}
void setex(Context& ctx, Args args, Reply& reply) {
  set_with_expiry(ctx, args, true, reply);
}
void psetex(Context& ctx, Args args, Reply& reply) {
  set_with_expiry(ctx, args, false, reply);
}

bool setnx_changes_nothing(Table& table, Instant now, Args args, Reply& reply) {
  if (table.find(args[1], now) == nullptr) return false;
  reply.integer(0);
  return true;
}

void setnx(Context& ctx, Args args, Reply& reply) {
  if (setnx_changes_nothing(ctx.table, ctx.now, args, reply)) return;
  replace(ctx.table, args[1], Value::string(args[2]));
  reply.integer(1);
}

void getset(Context& ctx, Args args, Reply& reply) {
  const auto old = find_string(ctx.table, args[1], ctx.now, reply);
  if (!old) return;
  reply_text(*old, reply);
  replace(ctx.table, args[1], Value::string(args[2]));
}

bool getdel_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  const auto old = find_string(table, args[1], now, reply);
  if (old && *old != nullptr) return false;
  if (old) reply.null();
  return true;
}

void getdel(Context& ctx, Args args, Reply& reply) {
  if (getdel_finds_nothing(ctx.table, ctx.now, args, reply)) return;
  reply_text(ctx.table.find(args[1], ctx.now), reply);
  ctx.table.erase(args[1]);
}

void mset(Context& ctx, Args args, Reply& reply) {
  if (args.size() % 2 == 0) return wrong_arity("mset", reply);
  for (std::size_t i = 1; i < args.size(); i += 2) {
    replace(ctx.table, args[i], Value::string(args[i + 1]));
  }
  reply.ok();
}

bool msetnx_changes_nothing(Table& table, Instant now, Args args, Reply& reply) {
  if (args.size() % 2 == 0) {
    wrong_arity("msetnx", reply);
    return true;
  }
  for (std::size_t i = 1; i < args.size(); i += 2) {
    if (table.find(args[i], now) == nullptr) continue;
    reply.integer(0);
    return true;
  }
  return false;
}

void msetnx(Context& ctx, Args args, Reply& reply) {
  if (msetnx_changes_nothing(ctx.table, ctx.now, args, reply)) return;
  for (std::size_t i = 1; i < args.size(); i += 2) {
    replace(ctx.table, args[i], Value::string(args[i + 1]));
  }
  reply.integer(1);
}

// What GETEX does to the key's time, decided alike for both guarantees.
struct Getex {
  enum class Action : std::uint8_t { nothing, expire, persist, erase };
  Action action = Action::nothing;
  Instant at{};
};

Getex decide_getex(Table& table, Instant now, Args args, Reply& reply) {
  const auto options = parse_options(args, 2, OptionsOf::getex, reply);
  if (!options) return {};
  const auto value = find_string(table, args[1], now, reply);
  if (!value) return {};
  if (*value == nullptr) {
    reply.null();
    return {};
  }
  Getex decided;
  if (options->expiry) {
    const auto at = expiry_argument(*options->expiry, now, "getex", reply);
    if (!at) return {};
    decided = {*at <= now ? Getex::Action::erase : Getex::Action::expire, *at};
  } else if (options->persist && table.expiry(args[1], now)) {
    decided.action = Getex::Action::persist;
  }
  reply_text(*value, reply);
  return decided;
}

void getex(Context& ctx, Args args, Reply& reply) {
  const Getex decided = decide_getex(ctx.table, ctx.now, args, reply);
  switch (decided.action) {
    case Getex::Action::nothing:
      break;
    case Getex::Action::expire:
      ctx.table.set_expiry(args[1], decided.at);
      break;
    case Getex::Action::persist:
      ctx.table.set_expiry(args[1], std::nullopt);
      break;
    case Getex::Action::erase:
      ctx.table.erase(args[1]);
      break;
  }
}

// -- In eventual keyspaces

void emit_put(EventualContext& ctx, std::string_view key, std::string_view text,
              bool keep_expiry = false) {
  ctx.effects.emit(
      {.kind = EffectKind::put_string, .key = key, .text = text, .keep_expiry = keep_expiry});
}

void emit_expire(EventualContext& ctx, std::string_view key, Instant at) {
  ctx.effects.emit({.kind = EffectKind::expire, .key = key, .number = to_ms(at)});
}

void emit_clear(EventualContext& ctx, std::string_view key) {
  ctx.effects.emit({.kind = EffectKind::clear, .key = key});
}

void merge_set(EventualContext& ctx, Args args, Reply& reply) {
  const auto options = parse_options(args, 3, OptionsOf::set, reply);
  if (!options) return;
  if (options->depends_on_old()) {
    return reply.error(
        {Code::unsupported, "SET with NX, XX or GET " + std::string(condition_needs_strong)});
  }
  std::optional<Instant> at;
  if (options->expiry) {
    at = expiry_argument(*options->expiry, ctx.now, "set", reply);
    if (!at) return;
  }
  reply.ok();
  if (at && *at <= ctx.now) {
    if (ctx.table.find(args[1], ctx.now) != nullptr) emit_clear(ctx, args[1]);
    return;
  }
  emit_put(ctx, args[1], args[2], options->keep_ttl);
  if (at) emit_expire(ctx, args[1], *at);
}

void merge_set_with_expiry(EventualContext& ctx, Args args, bool seconds, Reply& reply) {
  const auto at =
      expiry_argument({args[2], seconds, false}, ctx.now, seconds ? "setex" : "psetex", reply);
  if (!at) return;
  emit_put(ctx, args[1], args[3]);
  emit_expire(ctx, args[1], *at);
  reply.ok();
}
void merge_setex(EventualContext& ctx, Args args, Reply& reply) {
  merge_set_with_expiry(ctx, args, true, reply);
}
void merge_psetex(EventualContext& ctx, Args args, Reply& reply) {
  merge_set_with_expiry(ctx, args, false, reply);
}

void merge_mset(EventualContext& ctx, Args args, Reply& reply) {
  if (args.size() % 2 == 0) return wrong_arity("mset", reply);
  for (std::size_t i = 1; i < args.size(); i += 2) emit_put(ctx, args[i], args[i + 1]);
  reply.ok();
}

void merge_getex(EventualContext& ctx, Args args, Reply& reply) {
  const Getex decided = decide_getex(ctx.table, ctx.now, args, reply);
  switch (decided.action) {
    case Getex::Action::nothing:
      break;
    case Getex::Action::expire:
      emit_expire(ctx, args[1], decided.at);
      break;
    case Getex::Action::persist:
      ctx.effects.emit({.kind = EffectKind::persist, .key = args[1]});
      break;
    case Getex::Action::erase:
      emit_clear(ctx, args[1]);
      break;
  }
}

constexpr std::string_view last_writer = "the last writer by hybrid clock, then origin, wins";
constexpr std::string_view exclusive =
    "needs a strong keyspace: it promises that no one else gets the old value too";

constexpr Row rows[] = {
    {.name = "GET",
     .code = 100,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = get,
     .group = "string",
     .since = "0.1",
     .syntax = "key",
     .summary = "A string, or null",
     .complexity = "O(1)",
     .on_eventual = "this replica's view"},
    {.name = "SET",
     .code = 101,
     .arity = -3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = set,
     .unchanged = set_changes_nothing,
     .eventual = merge_set,
     .group = "string",
     .since = "0.1",
     .syntax = "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | KEEPTTL]",
     .summary = "Make the key this string, whatever it held",
     .complexity = "O(1)",
     .on_eventual = "the last writer by hybrid clock, then origin, wins; removes what it had seen "
                    "at the key; NX, XX and GET need a strong keyspace"},
    {.name = "MGET",
     .code = 102,
     .arity = -2,
     .keys = all_keys,
     .access = Access::read,
     .flags = flag_fast,
     .read = mget,
     .group = "string",
     .since = "0.1",
     .syntax = "key [key ...]",
     .summary = "Several strings; null for what is none",
     .complexity = "O(keys)",
     .on_eventual = "this replica's view"},
    {.name = "MSET",
     .code = 103,
     .arity = -3,
     .keys = every_other_key,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = mset,
     .eventual = merge_mset,
     .group = "string",
     .since = "0.1",
     .syntax = "key value [key value ...]",
     .summary = "SET for several keys at once",
     .complexity = "O(keys)",
     .on_eventual = "as SET for each; seen together",
     .event = "set"},
    {.name = "MSETNX",
     .code = 104,
     .arity = -3,
     .keys = every_other_key,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = msetnx,
     .unchanged = msetnx_changes_nothing,
     .group = "string",
     .since = "0.1",
     .syntax = "key value [key value ...]",
     .summary = "MSET, unless one of the keys is there",
     .complexity = "O(keys)",
     .on_eventual = condition_needs_strong,
     .event = "set"},
    {.name = "SETNX",
     .code = 105,
     .arity = 3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = setnx,
     .unchanged = setnx_changes_nothing,
     .group = "string",
     .since = "0.1",
     .syntax = "key value",
     .summary = "SET, unless the key is there",
     .complexity = "O(1)",
     .on_eventual = condition_needs_strong,
     .event = "set"},
    {.name = "SETEX",
     .code = 106,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = setex,
     .eventual = merge_setex,
     .group = "string",
     .since = "0.1",
     .syntax = "key seconds value",
     .summary = "SET with a time to live in seconds",
     .complexity = "O(1)",
     .on_eventual = last_writer,
     .event = "set"},
    {.name = "PSETEX",
     .code = 107,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = psetex,
     .eventual = merge_psetex,
     .group = "string",
     .since = "0.1",
     .syntax = "key milliseconds value",
     .summary = "SET with a time to live in milliseconds",
     .complexity = "O(1)",
     .on_eventual = last_writer,
     .event = "set"},
    {.name = "GETSET",
     .code = 108,
     .arity = 3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = getset,
     .group = "string",
     .since = "0.1",
     .syntax = "key value",
     .summary = "SET that replies the old string",
     .complexity = "O(1)",
     .on_eventual = exclusive,
     .event = "set"},
    {.name = "GETDEL",
     .code = 109,
     .arity = 2,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = getdel,
     .unchanged = getdel_finds_nothing,
     .group = "string",
     .since = "0.1",
     .syntax = "key",
     .summary = "GET and delete",
     .complexity = "O(1)",
     .on_eventual = exclusive,
     .event = "del"},
    {.name = "GETEX",
     .code = 110,
     .arity = -2,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_fast,
     .strong = getex,
     .eventual = merge_getex,
     .group = "string",
     .since = "0.1",
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT "
               "unix-time-milliseconds | PERSIST]",
     .summary = "GET, and set or remove the time to live",
     .complexity = "O(1)",
     .on_eventual = "this replica's view; the time as in EXPIRE: the last writer wins"},
};

}  // namespace

std::span<const Row> text_rows() {
  return rows;
}

}  // namespace holdfast::command
