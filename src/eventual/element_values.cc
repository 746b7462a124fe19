// SPDX-License-Identifier: Apache-2.0
#include "eventual/element_values.h"

#include <charconv>
#include <cmath>
#include <memory>

#include "base/assert.h"
#include "base/reply.h"
#include "value/hash.h"
#include "value/set.h"
#include "value/sorted_set.h"

namespace holdfast::eventual {
namespace {

// An integer is taken as a sum: whoever removes the one removes the other.
Base base_of_text(std::string_view text) {
  Base base;
  if (const auto number = parse_integer(text)) {
    base.has_sum = true;
    base.number = *number;
  } else {
    base.has_put = true;
    base.text = SpillingString(text);
  }
  return base;
}

// The same, of integers that take part in sums only.
Base base_of_score(std::string_view text) {
  const Shown shown = shown_by_put(ElementKind::score, text, 0);
  Base base{.has_put = !shown.is_number, .has_sum = shown.is_number, .number = shown.number};
  if (base.has_put) base.text = SpillingString(text);
  return base;
}

void write_score(SortedSet& scores, std::string_view name, const Shown& shown) {
  if (!shown.present) {
    scores.erase(name);
  } else {
    scores.put(name,
               shown.is_number ? static_cast<double>(shown.number) : score_of(shown.text).value());
  }
}

}  // namespace

std::optional<EffectTarget> target_of(EffectKind kind) {
  switch (kind) {
    case EffectKind::add:
      return EffectTarget{ElementKind::string, Role::add};
    case EffectKind::put_field:
      return EffectTarget{ElementKind::field, Role::put};
    case EffectKind::add_field:
      return EffectTarget{ElementKind::field, Role::add};
    case EffectKind::remove_field:
      return EffectTarget{ElementKind::field, Role::remove};
    case EffectKind::add_member:
      return EffectTarget{ElementKind::member, Role::add};
    case EffectKind::remove_member:
      return EffectTarget{ElementKind::member, Role::remove};
    case EffectKind::put_score:
      return EffectTarget{ElementKind::score, Role::put};
    case EffectKind::add_score:
      return EffectTarget{ElementKind::score, Role::add};
    case EffectKind::remove_score:
      return EffectTarget{ElementKind::score, Role::remove};
    default:
      return std::nullopt;
  }
}

Type type_of(ElementKind kind) {
  switch (kind) {
    case ElementKind::string:
      return Type::string;
    case ElementKind::field:
      return Type::hash;
    case ElementKind::member:
      return Type::set;
    case ElementKind::score:
      return Type::sorted_set;
    default:
      HF_ASSERT(false);
      return Type::string;
  }
}

bool is_empty(const Value& value) {
  switch (value.type()) {
    case Type::hash:
      return value.as_hash().size() == 0;
    case Type::set:
      return value.as_set().size() == 0;
    case Type::sorted_set:
      return value.as_sorted_set().size() == 0;
    default:
      return false;
  }
}

std::optional<double> score_of(std::string_view text) {
  double score = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), score);
  if (error != std::errc() || end != text.data() + text.size() || std::isnan(score)) {
    return std::nullopt;
  }
  DoubleText room;
  if (double_text(score, room) != text || std::signbit(score) != text.starts_with('-')) {
    return std::nullopt;
  }
  return score == 0 && std::signbit(score) ? std::nullopt : std::optional(score);
}

Base read_base(const Value& part, ElementKind kind, std::string_view name) {
  Base base;
  switch (kind) {
    case ElementKind::string: {
      if (const auto number = part.as_integer()) {
        base.has_sum = true;
        base.number = *number;
        return base;
      }
      IntegerText room;
      return base_of_text(part.text(room));
    }
    case ElementKind::field: {
      const auto text = part.as_hash().find(name);
      return text ? base_of_text(*text) : base;
    }
    case ElementKind::member:
      base.has_sum = part.as_set().contains(name);
      return base;
    case ElementKind::score: {
      const auto score = part.as_sorted_set().score(name);
      DoubleText room;
      return score ? base_of_score(double_text(*score, room)) : base;
    }
    default:
      return base;
  }
}

void write_shown(Value& part, ElementKind kind, std::string_view name, const Shown& shown) {
  if (kind == ElementKind::string) {
    part = string_value(shown);
  } else if (kind == ElementKind::member) {
    if (shown.present) {
      part.as_set().insert(name);
    } else {
      part.as_set().erase(name);
    }
  } else if (kind == ElementKind::score) {
    write_score(part.as_sorted_set(), name, shown);
  } else if (!shown.present) {
    part.as_hash().erase(name);
  } else if (shown.is_number) {
    char digits[20];
    const char* end = std::to_chars(digits, digits + sizeof(digits), shown.number).ptr;
    part.as_hash().put(name, {digits, static_cast<std::size_t>(end - digits)});
  } else {
    part.as_hash().put(name, shown.text);
  }
}

Value string_value(const Shown& shown) {
  return shown.is_number ? Value::integer(shown.number) : Value::string(shown.text);
}

Value empty_part(Type type) {
  switch (type) {
    case Type::hash:
      return Value::hash(std::make_unique<Hash>());
    case Type::set:
      return Value::set(std::make_unique<Set>());
    case Type::sorted_set:
      return Value::sorted_set(std::make_unique<SortedSet>());
    default:
      return Value::integer(0);
  }
}

}  // namespace holdfast::eventual
