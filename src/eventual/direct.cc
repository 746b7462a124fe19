// SPDX-License-Identifier: Apache-2.0
#include "eventual/direct.h"

#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include "base/reply.h"
#include "eventual/element_values.h"
#include "eventual/key_editor.h"
#include "value/hash.h"
#include "value/set.h"
#include "value/sorted_set.h"

namespace holdfast::eventual {
namespace {

std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

void put_number(Hash& hash, std::string_view field, std::int64_t number) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  hash.put(field, {digits, static_cast<std::size_t>(end - digits)});
}

void change_score(Table& table, Value* value, const Effect& effect) {
  if (value == nullptr) {
    if (effect.kind == EffectKind::remove_score) return;
    value = &table.put(effect.key, empty_part(Type::sorted_set));
  }
  Shown shown;
  if (effect.kind == EffectKind::put_score) {
    shown = shown_by_put(ElementKind::score, effect.text, 0);
  } else if (effect.kind == EffectKind::add_score) {
    const Base now = read_base(*value, ElementKind::score, effect.element);
    if (now.has_put) return;  // a score that is no integer hides the increment, for good
    shown = {.present = true,
             .is_number = true,
             .number = added(ElementKind::score, now.number, effect.number)};
  }
  write_shown(*value, ElementKind::score, effect.element, shown);
  if (is_empty(*value)) table.erase(effect.key);
}

// `value`: what is at the key, of the effect's type; nullptr when there is nothing.
void change(Table& table, Value* value, const Effect& effect) {
  switch (effect.kind) {
    case EffectKind::add: {
      if (value == nullptr) {
        table.put(effect.key, Value::integer(effect.number));
      } else if (const auto number = value->as_integer()) {
        *value = Value::integer(wrapping_add(*number, effect.number));
      }  // else a text that is no integer hides the increment, for good
      return;
    }
    case EffectKind::put_field:
    case EffectKind::add_field: {
      if (value == nullptr) value = &table.put(effect.key, Value::hash(std::make_unique<Hash>()));
      Hash& hash = value->as_hash();
      if (effect.kind == EffectKind::put_field) {
        hash.put(effect.element, effect.text);
        return;
      }
      const auto text = hash.find(effect.element);
      const auto number = text ? parse_integer(*text) : std::optional<std::int64_t>(0);
      if (number) put_number(hash, effect.element, wrapping_add(*number, effect.number));
      return;
    }
    case EffectKind::remove_field: {
      if (value == nullptr) return;
      Hash& hash = value->as_hash();
      hash.erase(effect.element);
      if (hash.size() == 0) table.erase(effect.key);
      return;
    }
    case EffectKind::add_member:
      if (value == nullptr) value = &table.put(effect.key, Value::set(std::make_unique<Set>()));
      value->as_set().insert(effect.element);
      return;
    case EffectKind::remove_member: {
      if (value == nullptr) return;
      Set& set = value->as_set();
      set.erase(effect.element);
      if (set.size() == 0) table.erase(effect.key);
      return;
    }
    case EffectKind::put_score:
    case EffectKind::add_score:
    case EffectKind::remove_score:
      return change_score(table, value, effect);
    case EffectKind::expire:
      if (value == nullptr) return;
      if (effect.number == expiry_never) return table.set_expiry(effect.key, std::nullopt);
      return table.set_expiry(effect.key, instant_from_ms(effect.number));
    case EffectKind::persist:
      if (value != nullptr) table.set_expiry(effect.key, std::nullopt);
      return;
    case EffectKind::put_string:
    case EffectKind::clear:
      return;
  }
}

void put_string(Table& table, const Effect& effect, bool may_expire) {
  table.put(effect.key, Value::string(effect.text));
  if (may_expire && !effect.keep_expiry) table.set_expiry(effect.key, std::nullopt);
}

bool fits(const Value* value, EffectKind kind) {
  const auto target = target_of(kind);
  return value == nullptr || !target || value->type() == type_of(target->kind);
}

}  // namespace

void mark_fresh(MergedEffect& merged, bool visible) {
  if (visible || merged.effect.kind == EffectKind::clear) return;
  if (merged.effect.kind == EffectKind::put_string) {
    merged.effect.keep_expiry = false;  // there is none to keep
  } else {
    merged.fresh = true;
  }
}

bool apply_direct_here(Table& table, Instant now, MergedEffect& merged) {
  const Effect& effect = merged.effect;
  switch (effect.kind) {
    case EffectKind::clear:
      table.erase(effect.key);
      return true;
    case EffectKind::put_string: {
      const bool may_expire = table.next_expiry().has_value();
      if (may_expire || effect.keep_expiry)
        mark_fresh(merged, table.change(effect.key, now) != nullptr);
      put_string(table, effect, may_expire);
      return true;
    }
    default: {
      Value* value = table.change(effect.key, now);
      if (!fits(value, effect.kind)) return false;
      mark_fresh(merged, value != nullptr);
      change(table, value, effect);
      return true;
    }
  }
}

bool apply_direct(Table& table, const MergedEffect& merged) {
  const Effect& effect = merged.effect;
  if (merged.fresh) table.erase(effect.key);
  switch (effect.kind) {
    case EffectKind::clear:
      table.erase(effect.key);
      return true;
    case EffectKind::put_string:
      put_string(table, effect, table.next_expiry().has_value());
      return true;
    default: {
      Value* value = table.change(effect.key, before_all);
      if (!fits(value, effect.kind)) return false;
      change(table, value, effect);
      return true;
    }
  }
}

}  // namespace holdfast::eventual
