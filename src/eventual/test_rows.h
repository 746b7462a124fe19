// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "command/table.h"
#include "eventual/brute_force_model.h"
#include "function/functions.h"
#include "value/hash.h"
#include "value/set.h"
#include "value/sorted_set.h"

/// Commands for this folder's tests, whose effects the tests choose.
namespace holdfast::eventual::testing {

/// What the last commands emitted; the tests empty it.
inline std::vector<ModelEffect>& emitted() {
  static std::vector<ModelEffect> effects;
  return effects;
}

inline void emit(EventualContext& context, const Effect& effect) {
  emitted().push_back({effect.kind, std::string(effect.key), std::string(effect.element),
                       std::string(effect.text), effect.number, effect.keep_expiry});
  context.effects.emit(effect);
}

inline std::string describe(const Value* value) {
  if (value == nullptr) return "none";
  IntegerText room;
  switch (value->type()) {
    case Type::string:
      return "string " + std::string(value->text(room));
    case Type::hash:
      return "hash of " + std::to_string(value->as_hash().size());
    case Type::sorted_set:
      return "sorted set of " + std::to_string(value->as_sorted_set().size());
    default:
      return "set of " + std::to_string(value->as_set().size());
  }
}

/// EFFECTS kind key element text number keep …: emits just these, six
/// arguments each; replies with what it then sees at the last key.
inline void run_effects(EventualContext& context, Args args, Reply& reply) {
  for (std::size_t i = 1; i + 5 < args.size(); i += 6) {
    emit(context, {.kind = static_cast<EffectKind>(*parse_integer(args[i])),
                   .key = args[i + 1],
                   .element = args[i + 2],
                   .text = args[i + 3],
                   .number = *parse_integer(args[i + 4]),
                   .keep_expiry = args[i + 5] == "1"});
  }
  reply.bulk(
      describe(args.size() < 7 ? nullptr : context.table.find(args[args.size() - 5], context.now)));
}

/// TURN key element: does to the key what its present value suggests, so that
/// two tries of it at two replicas have different effects.
inline void run_turn(EventualContext& context, Args args, Reply& reply) {
  const Value* value = context.table.find(args[1], context.now);
  reply.bulk(describe(value));
  if (value == nullptr) {
    emit(context, {.kind = EffectKind::put_field, .key = args[1], .element = args[2], .text = "t"});
  } else if (value->type() == Type::string) {
    emit(context, {.kind = EffectKind::clear, .key = args[1]});
    emit(context, {.kind = EffectKind::add_member, .key = args[1], .element = args[2]});
  } else if (value->type() == Type::hash) {
    emit(context, {.kind = EffectKind::remove_field, .key = args[1], .element = args[2]});
    emit(context, {.kind = EffectKind::add_field, .key = args[1], .element = "n", .number = 5});
  } else {
    emit(context, {.kind = EffectKind::put_string, .key = args[1], .text = "7"});
  }
}

/// REFUSE: a refusal that the state decided.
inline void run_refuse(EventualContext&, Args, Reply& reply) {
  reply.error({Code::wrong_type, "Operation against a key holding the wrong kind of value"});
}

inline void run_see(Table& table, Instant now, Args args, Reply& reply) {
  reply.bulk(describe(table.find(args[1], now)));
}

inline void never_strong(Context&, Args, Reply&) {}

inline constexpr Row effect_row(std::string_view name, std::uint16_t code, EffectFunction run,
                                KeySpec keys = {}) {
  return {.name = name,
          .code = code,
          .arity = -1,
          .keys = keys,
          .access = Access::write,
          .strong = never_strong,
          .eventual = run,
          .group = "test",
          .since = "0.1",
          .summary = "test",
          .on_eventual = "test"};
}
inline constexpr Row test_rows[] = {
    effect_row("EFFECTS", 9100, run_effects, {2, -5, 6}),
    effect_row("TURN", 9101, run_turn, first_key),
    effect_row("REFUSE", 9102, run_refuse),
    effect_row("NEVER", 9103, nullptr),
    {.name = "SEE",
     .code = 9104,
     .arity = 2,
     .access = Access::read,
     .read = run_see,
     .group = "test",
     .since = "0.1",
     .summary = "test"},
};

inline const CommandTable& commands() {
  static const CommandTable table{string_rows(),         hash_rows(), set_rows(),
                                  sorted_set_rows(),     list_rows(), key_rows(),
                                  function::call_rows(), test_rows};
  return table;
}

using Line = std::vector<std::string>;

}  // namespace holdfast::eventual::testing
