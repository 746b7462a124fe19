// SPDX-License-Identifier: Apache-2.0
#include "eventual/element_values.h"

#include <charconv>
#include <memory>

#include "base/assert.h"
#include "value/hash.h"
#include "value/set.h"

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
    base.text = SmallString(text);
  }
  return base;
}

}  // namespace

Type type_of(ElementKind kind) {
  switch (kind) {
    case ElementKind::string:
      return Type::string;
    case ElementKind::field:
      return Type::hash;
    case ElementKind::member:
      return Type::set;
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
    default:
      return false;
  }
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
    default:
      return Value::integer(0);
  }
}

}  // namespace holdfast::eventual
