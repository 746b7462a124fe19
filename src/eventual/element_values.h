// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "command/effect.h"
#include "eventual/element.h"
#include "value/value.h"

namespace holdfast::eventual {

/// What an effect does to one element of its key; nothing: it is not about one, or its expiry's.
struct EffectTarget {
  ElementKind kind{};
  Role role{};
};
std::optional<EffectTarget> target_of(EffectKind kind);

/// The type whose part holds elements of this kind. Not for content and expiry.
Type type_of(ElementKind kind);
bool is_empty(const Value& value);
/// The score whose double_text() this is; nothing: it is none's.
std::optional<double> score_of(std::string_view text);

/// What the part says of an element, as a base.
Base read_base(const Value& part, ElementKind kind, std::string_view name);
/// Makes the part say what is shown. A string part is replaced whole; of the
/// others one element is put or erased.
void write_shown(Value& part, ElementKind kind, std::string_view name, const Shown& shown);
Value string_value(const Shown& shown);
Value empty_part(Type type);

}  // namespace holdfast::eventual
