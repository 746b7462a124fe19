// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "eventual/element_values.h"
#include "eventual/open_state.h"

namespace holdfast::eventual {
namespace {

bool shows(const Value* part, const Element& element, const Shown& shown) {
  const Base now = part == nullptr ? Base{} : read_base(*part, element.kind, element.name.view());
  if (!shown.present) return !now.has_put && !now.has_sum;
  if (element.kind == ElementKind::member) return now.has_sum;
  if (shown.is_number) return now.has_sum && now.number == shown.number;
  return now.has_put && now.text.view() == shown.text;
}

bool is_as_evaluated(const OpenKey& key, Table& table) {
  const Value* in_table = table.find(key.name.view(), before_all);
  if (key.shown ? in_table == nullptr || in_table->type() != *key.shown : in_table != nullptr)
    return false;
  if (key.shown && table.expiry(key.name.view(), before_all) != key.live_expiry) return false;
  return std::ranges::all_of(key.elements(), [&](const auto& element) {
    if (element->kind == ElementKind::content) return true;
    const Shown shown = evaluate(*element, key.content);
    if (element->kind == ElementKind::expiry) {
      const auto at = shown.present ? std::optional(instant_from_ms(shown.number)) : std::nullopt;
      return at == key.live_expiry;
    }
    const Type type = type_of(element->kind);
    const Value* part = key.shown == type ? in_table : nullptr;
    if (part == nullptr && key.aside != nullptr && key.aside->hidden.of(type))
      part = &*key.aside->hidden.of(type);
    return shows(part, *element, shown);
  });
}

}  // namespace

std::optional<std::string> OpenState::audit() {
  absl::flat_hash_map<const UnstableOperation*, std::uint32_t> items;
  for (const auto& [id, space] : spaces_) {
    State* state = host_.eventual_state(KeyspaceId{id});
    for (const auto& key : space->keys) {
      if (state != nullptr && !is_as_evaluated(*key, state->table)) return std::string(key->name);
      for (const auto& element : key->elements()) {
        for (const Item& item : element->items) ++items[item.operation];
      }
    }
  }
  for (const auto& operation : operations_) {
    const auto it = items.find(operation.get());
    if (operation->items != (it == items.end() ? 0 : it->second)) return "an operation's items";
    if (operation->items == 0 && operation->queued == 0) return "an operation that is not needed";
  }
  return light_.audit();
}

}  // namespace holdfast::eventual
