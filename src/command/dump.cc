// SPDX-License-Identifier: Apache-2.0
#include "command/dump.h"

#include <string>
#include <utility>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/wire.h"
#include "command/families.h"
#include "command/list_items.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/value.h"

namespace holdfast::command {

// Redis' own payloads begin with the number of a type, below 32.
constexpr std::string_view magic = "HFD\x01";
constexpr std::size_t checksum_bytes = 8;

std::string dump_of(const Value& value) {
  std::string payload(magic);
  encode(value, payload);
  wire::put_u64(payload, checksum(payload));
  return payload;
}

Result<Value> value_of_dump(std::string_view payload) {
  if (payload.size() < magic.size() + checksum_bytes || !payload.starts_with(magic)) {
    return fail(Code::err, "DUMP payload version or checksum are wrong");
  }
  const std::string_view body = payload.substr(0, payload.size() - checksum_bytes);
  wire::Reader end(payload.substr(body.size()));
  if (end.u64() != checksum(body)) {
    return fail(Code::err, "DUMP payload version or checksum are wrong");
  }
  auto value = decode_value(body.substr(magic.size()));
  if (!value) return fail(Code::err, "Bad data format");
  return value;
}

namespace {

void dump(Table& table, Instant now, Args args, Reply& reply) {
  const Value* value = table.find(args[1], now);
  if (value == nullptr) return reply.null();
  reply.bulk(dump_of(*value));
}

struct RestoreOptions {
  bool replace = false;
  bool absolute = false;
};

std::optional<RestoreOptions> restore_options(Args args, Reply& reply) {
  RestoreOptions options;
  bool idle = false, frequency = false;
  for (std::size_t i = 4; i < args.size(); ++i) {
    const bool more = i + 1 < args.size();
    if (equals_nocase(args[i], "REPLACE")) {
      options.replace = true;
    } else if (equals_nocase(args[i], "ABSTTL")) {
      options.absolute = true;
    } else if (equals_nocase(args[i], "IDLETIME") && more && !frequency) {
      const auto seconds = integer_argument(args[++i], reply);  // last use is not kept
      if (!seconds) return std::nullopt;
      idle = true;
      if (*seconds < 0) {
        reply.raw_error("ERR Invalid IDLETIME value, must be >= 0");
        return std::nullopt;
      }
    } else if (equals_nocase(args[i], "FREQ") && more && !idle) {
      const auto number = integer_argument(args[++i], reply);
      if (!number) return std::nullopt;
      frequency = true;
      if (*number < 0 || *number > 255) {
        reply.raw_error("ERR Invalid FREQ value, must be >= 0 and <= 255");
        return std::nullopt;
      }
    } else {
      reply.raw_error(errors::syntax);
      return std::nullopt;
    }
  }
  return options;
}

struct Restored {
  Value value;
  std::optional<Instant> expiry;
  bool has_passed = false;  // the expiry
};

// What RESTORE puts at its key, decided alike for both guarantees.
std::optional<Restored> restored(Instant now, Args args, const RestoreOptions& options,
                                 Reply& reply) {
  const auto ttl = integer_argument(args[2], reply);
  if (!ttl) return std::nullopt;
  if (*ttl < 0) {
    reply.raw_error("ERR Invalid TTL value, must be >= 0");
    return std::nullopt;
  }
  auto value = value_of_dump(args[3]);
  if (!value) {
    reply.error(value.error());
    return std::nullopt;
  }
  Restored made{std::move(*value), std::nullopt};
  if (*ttl == 0) return made;
  std::int64_t at = *ttl;
  if (!options.absolute && __builtin_add_overflow(at, to_ms(now), &at)) at = *ttl;
  made.expiry = instant_from_ms(at);
  made.has_passed = *made.expiry <= now;
  return made;
}

void restore(Context& ctx, Args args, Reply& reply) {
  const auto options = restore_options(args, reply);
  if (!options) return;
  if (!options->replace && ctx.table.find(args[1], ctx.now) != nullptr) {
    return reply.raw_error("BUSYKEY Target key name already exists.");
  }
  auto made = restored(ctx.now, args, *options, reply);
  if (!made) return;
  if (made->has_passed) {
    ctx.table.erase(args[1]);
  } else {
    replace(ctx.table, args[1], std::move(made->value));
    if (made->expiry) ctx.table.set_expiry(args[1], made->expiry);
  }
  reply.ok();
}

// The value as what wrote it would have been. It is no list.
void emit_value(EventualContext& ctx, std::string_view key, const Value& value) {
  switch (value.type()) {
    case Type::string: {
      IntegerText room;
      return ctx.effects.emit(
          {.kind = EffectKind::put_string, .key = key, .text = value.text(room)});
    }
    case Type::hash: {
      const Hash& hash = value.as_hash();
      for (std::size_t i = 0; i < hash.size(); ++i) {
        ctx.effects.emit({.kind = EffectKind::put_field,
                          .key = key,
                          .element = hash.field_at(i),
                          .text = hash.value_at(i)});
      }
      return;
    }
    case Type::set: {
      const Set& set = value.as_set();
      for (std::size_t i = 0; i < set.size(); ++i) {
        ctx.effects.emit({.kind = EffectKind::add_member, .key = key, .element = set.at(i)});
      }
      return;
    }
    case Type::sorted_set: {
      const SortedSet& set = value.as_sorted_set();
      for (std::size_t i = 0; i < set.size(); ++i) {
        DoubleText room;
        ctx.effects.emit({.kind = EffectKind::put_score,
                          .key = key,
                          .element = set.member_at(i),
                          .text = double_text(set.score_at(i), room)});
      }
      return;
    }
    case Type::list:
      HF_ASSERT(false);
  }
}

void merge_restore(EventualContext& ctx, Args args, Reply& reply) {
  const auto options = restore_options(args, reply);
  if (!options) return;
  if (!options->replace) {
    return reply.error(
        {Code::unsupported, "RESTORE without REPLACE " + std::string(condition_needs_strong)});
  }
  const auto made = restored(ctx.now, args, *options, reply);
  if (!made) return;
  if (made->value.type() == Type::list) {
    return reply.error({Code::unsupported, "RESTORE of a list " + std::string(order_is_agreed)});
  }
  if (ctx.table.find(args[1], ctx.now) != nullptr) {
    ctx.effects.emit({.kind = EffectKind::clear, .key = args[1]});
  }
  if (!made->has_passed) {
    emit_value(ctx, args[1], made->value);
    if (made->expiry) {
      ctx.effects.emit(
          {.kind = EffectKind::expire, .key = args[1], .number = to_ms(*made->expiry)});
    }
  }
  reply.ok();
}

constexpr Row rows[] = {
    {.name = "DUMP",
     .code = 472,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .read = dump,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "A key's value as bytes for RESTORE, in Holdfast's own format",
     .complexity = "O(elements)",
     .on_eventual = "this replica's view; without what it knows of the value's history"},
    {.name = "RESTORE",
     .code = 473,
     .arity = -4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = restore,
     .eventual = merge_restore,
     .group = "generic",
     .since = "0.1",
     .syntax = "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
     .summary = "Make a key of what DUMP gave; IDLETIME and FREQ change nothing",
     .complexity = "O(elements)",
     .on_eventual = "with REPLACE: removes what it had seen at the key and writes the value anew; "
                    "without, it needs a strong keyspace"},
};

}  // namespace

std::span<const Row> dump_rows() {
  return rows;
}

}  // namespace holdfast::command
