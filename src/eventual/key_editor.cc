// SPDX-License-Identifier: Apache-2.0
#include "eventual/key_editor.h"

#include <utility>

#include "base/assert.h"
#include "eventual/element_values.h"
#include "value/hash.h"

namespace holdfast::eventual {
namespace {

bool is_content_part(const Element& element) {
  return element.kind != ElementKind::content && element.kind != ElementKind::expiry;
}

}  // namespace

KeyEditor::KeyEditor(OpenKey& key, Table& table, Around around)
    : key_(key), table_(table), around_(around) {
  key_.parked = false;  // finish() shows it again
  if (key_.shown) table_expiry_ = key_.live_expiry;
}

// ---- What an operation does

void KeyEditor::apply(UnstableOperation& operation, const MergedEffect& merged, std::uint32_t index,
                      Arrival arrival) {
  const Effect& effect = merged.effect;
  const auto put_in = [&](Write what, std::uint32_t at) { write(what, operation, at, arrival); };
  // Two places an effect: what a fresh one removes comes before what it writes.
  const std::uint32_t first = 2 * index;
  const std::uint32_t second = first + 1;
  if (merged.fresh || effect.kind == EffectKind::clear) {
    remove_content(operation, first, arrival);
    put_in({.kind = ElementKind::expiry, .role = Role::remove}, first);
  }
  switch (effect.kind) {
    case EffectKind::clear:
      return;
    case EffectKind::put_string:
      remove_content(operation, second, arrival);
      put_in({.kind = ElementKind::string, .role = Role::put, .text = effect.text}, second);
      if (!effect.keep_expiry) {
        put_in({.kind = ElementKind::expiry, .role = Role::put, .number = expiry_never}, second);
      }
      return;
    case EffectKind::add:
      return put_in({.kind = ElementKind::string, .role = Role::add, .number = effect.number},
                    second);
    case EffectKind::put_field:
      return put_in({ElementKind::field, effect.element, Role::put, 0, effect.text}, second);
    case EffectKind::add_field:
      return put_in({ElementKind::field, effect.element, Role::add, effect.number, {}}, second);
    case EffectKind::remove_field:
      return put_in({ElementKind::field, effect.element, Role::remove, 0, {}}, second);
    case EffectKind::add_member:
      return put_in({ElementKind::member, effect.element, Role::add, 0, {}}, second);
    case EffectKind::remove_member:
      return put_in({ElementKind::member, effect.element, Role::remove, 0, {}}, second);
    case EffectKind::put_score:
      return put_in({ElementKind::score, effect.element, Role::put, 0, effect.text}, second);
    case EffectKind::add_score:
      return put_in({ElementKind::score, effect.element, Role::add, effect.number, {}}, second);
    case EffectKind::remove_score:
      return put_in({ElementKind::score, effect.element, Role::remove, 0, {}}, second);
    case EffectKind::expire:
    case EffectKind::persist:
      return put_in({.kind = ElementKind::expiry,
                     .role = Role::put,
                     .number = effect.kind == EffectKind::expire ? effect.number : expiry_never,
                     .removes = false},
                    second);
  }
}

void KeyEditor::remove_content(UnstableOperation& operation, std::uint32_t index, Arrival arrival) {
  // An operation without a request id has one try: what it removes is gone for
  // good. Another's removal may be undone by a first try that arrives later.
  const bool for_good = !operation.has_id;
  if (for_good) {
    forget_content(Act(Item{&operation, index, Role::remove}));
    discard_live();
  } else if (!key_.covered()) {
    displace();
  } else {
    discard_live();
  }
  if (!for_good || !around_.settles_at_once) {
    Element& content = hold(ElementKind::content, {});
    insert_item(content, Item{&operation, index, Role::remove});
    touch(content, operation);
  }
  if (arrival != Arrival::local) render_content();
}

void KeyEditor::write(const Write& what, UnstableOperation& operation, std::uint32_t index,
                      Arrival arrival) {
  const bool for_good = what.role != Role::add && what.removes && !operation.has_id;
  const bool settled = for_good && around_.settles_at_once;
  if (settled && what.role == Role::remove && remove_plain(what.kind, what.name)) return;

  Element& element = hold(what.kind, what.name);
  Item item{&operation,  index,
            what.role,   settled || !what.removes,
            what.number, SpillingString(what.text)};
  if (for_good) {
    remove_seen(element, Act(item), around_.idle);
    element.base = {};
  }
  if (!settled || what.role != Role::remove) {
    insert_item(element, std::move(item));
    touch(element, operation);
  }
  show_write(element, what, arrival);
  try_close(element);
}

// Removes for good an element of which nothing is unstable. False: it has items.
bool KeyEditor::remove_plain(ElementKind kind, std::string_view name) {
  if (key_.find(kind, name) != nullptr || key_.covered()) return false;
  if (kind == ElementKind::expiry) {
    key_.live_expiry.reset();
  } else if (Value* part = live(type_of(kind))) {
    write_shown(*part, kind, name, {});
    if (is_empty(*part)) take_live(type_of(kind));
  }
  return true;
}

// What an operation that saw everything, or an increment that nothing saw, makes
// of an element needs no look at the items.
void KeyEditor::show_write(Element& element, const Write& what, Arrival arrival) {
  if (what.role == Role::add && arrival != Arrival::replacing)
    return increment(element, what.number);
  if (arrival != Arrival::local) return render(element);
  if (what.role == Role::remove) return show(element, {});
  show(element, shown_by_put(element.kind, what.text, what.number));
}

void KeyEditor::increment(Element& element, std::int64_t by) {
  const Value* part = live(type_of(element.kind));
  const Base now = part == nullptr ? Base{} : read_base(*part, element.kind, element.name.view());
  if (now.has_put) return;  // a text that is no integer hides it
  show(element,
       {.present = true, .is_number = true, .number = added(element.kind, now.number, by)});
}

// ---- Elements

Element& KeyEditor::hold(ElementKind kind, std::string_view name) {
  if (Element* held = key_.find(kind, name)) return *held;
  Base base;
  if (kind == ElementKind::expiry) {
    base.has_put = key_.live_expiry.has_value();
    base.number = base.has_put ? to_ms(*key_.live_expiry) : 0;
  } else if (kind != ElementKind::content) {
    const Type type = type_of(kind);
    if (!key_.covered()) {
      if (const Value* part = live(type)) base = read_base(*part, kind, name);
    } else if (key_.aside != nullptr && key_.aside->displaced.of(type)) {
      base = read_base(*key_.aside->displaced.of(type), kind, name);
    }
  }
  Element& element = key_.make(kind, name);
  element.base = std::move(base);
  return element;
}

void KeyEditor::touch(Element& element, UnstableOperation& operation) {
  if (!operation.touched.empty() && operation.touched.back() == &element) return;
  operation.touched.push_back(&element);
  ++element.refs;
}

// Drops of all content what `act` saw, all that is stable included.
void KeyEditor::forget_content(const Act& act) {
  for (const auto& element : key_.elements()) {
    if (element->kind == ElementKind::expiry) continue;
    remove_seen(*element, act, around_.idle);
    element->base = {};
  }
  if (key_.aside != nullptr) key_.aside->displaced.clear();
}

void KeyEditor::retract(const UnstableOperation& operation) {
  const bool was_covered = key_.covered();
  bool content = false;
  for (Element* element : operation.touched) {
    if (element->key != &key_) continue;
    content = content || element->kind == ElementKind::content;
    drop_items(
        *element, [&](const Item& item) { return item.operation == &operation; }, around_.idle);
  }
  if (was_covered && !key_.covered()) restore();
  if (content) render_content();
  for (Element* element : operation.touched) {
    if (element->key == &key_) render(*element);
  }
}

void KeyEditor::fold(Element& element) {
  if (element.kind != ElementKind::content) return fold_one(element);
  settle(element);
  for (std::size_t i = key_.elements().size(); i-- > 0;) {
    Element& each = *key_.elements()[i];
    if (each.kind != ElementKind::content) fold_one(each);
  }
  if (key_.content != nullptr) try_close(*key_.content);
}

void KeyEditor::fold_one(Element& element) {
  settle(element);
  const Stability& stability = around_.stability;
  fold_writes(
      element, key_.content,
      [&](const UnstableOperation& operation) { return stability.is_stable(operation); },
      around_.idle);
  try_close(element);
}

// A stable removal removes nothing more: what it saw goes for good, and it
// with it, but for what it wrote. The greatest first: it takes most along.
void KeyEditor::settle(Element& element) {
  for (std::size_t i = element.items.size(); i > 0;) {
    --i;
    if (i >= element.items.size()) continue;  // earlier ones went with a later one
    Item& item = element.items[i];
    if (!item.removes() || !around_.stability.is_stable(*item.operation)) continue;
    const Act act(item);
    if (item.role == Role::put) {
      item.settled = true;
    } else {
      // Leaves with what it saw.
      drop_items(
          element,
          [&](const Item& each) {
            return each.operation == act.operation && each.index == act.index;
          },
          around_.idle);
    }
    if (element.kind == ElementKind::content) {
      forget_content(act);
    } else {
      remove_seen(element, act, around_.idle);
      element.base = {};
    }
    i = element.items.size();
  }
}

void KeyEditor::try_close(Element& element) {
  if (!element.items.empty() || element.refs != 0) return;
  if (is_content_part(element) && key_.covered()) {
    // Its base joins what was displaced.
    const Type type = type_of(element.kind);
    const Shown base = evaluate(element, nullptr);
    auto& displaced = key_.make_aside().displaced.of(type);
    if (displaced || base.present) {
      if (!displaced) displaced = empty_part(type);
      if (element.kind == ElementKind::string && !base.present) {
        displaced.reset();
      } else {
        write_shown(*displaced, element.kind, element.name.view(), base);
        if (is_empty(*displaced)) displaced.reset();
      }
    }
  }
  key_.erase(element);
}

// ---- The parts that count

Value* KeyEditor::live(Type type) {
  if (key_.shown == type) {
    Value* value = table_.change(key_.name.view(), before_all);
    HF_ASSERT(value != nullptr && value->type() == type);
    return value;
  }
  if (key_.aside == nullptr) return nullptr;
  auto& hidden = key_.aside->hidden.of(type);
  return hidden ? &*hidden : nullptr;
}

Value& KeyEditor::make_live(Type type) {
  if (Value* value = live(type)) return *value;
  return key_.make_aside().hidden.of(type).emplace(empty_part(type));
}

std::optional<Value> KeyEditor::take_live(Type type) {
  Value* value = live(type);
  if (value == nullptr) return std::nullopt;
  std::optional<Value> taken(std::move(*value));
  if (key_.shown == type) {
    *value = Value::integer(0);
    key_.shown.reset();
    vacant_ = true;
  } else {
    key_.aside->hidden.of(type).reset();
  }
  return taken;
}

void KeyEditor::discard_live() {
  for (const Type type : types_by_rank) take_live(type);
}

void KeyEditor::displace() {
  for (const Type type : types_by_rank) {
    if (std::optional<Value> taken = take_live(type))
      key_.make_aside().displaced.of(type) = std::move(taken);
  }
}

// The last removal went, undone: what it had displaced counts again. What it
// says of held elements is out of date, so they are rendered after this.
void KeyEditor::restore() {
  if (key_.aside == nullptr) return;
  for (const Type type : types_by_rank) {
    auto& displaced = key_.aside->displaced.of(type);
    if (!displaced) continue;
    take_live(type);
    key_.aside->hidden.of(type) = std::exchange(displaced, std::nullopt);
  }
}

void KeyEditor::show(Element& element, const Shown& shown) {
  if (element.kind == ElementKind::content) return;
  if (element.kind == ElementKind::expiry) {
    key_.live_expiry.reset();
    if (shown.present) key_.live_expiry = instant_from_ms(shown.number);
    return;
  }
  const Type type = type_of(element.kind);
  if (!shown.present) {
    Value* part = live(type);
    if (part == nullptr) return;
    if (element.kind != ElementKind::string) {
      write_shown(*part, element.kind, element.name.view(), shown);
      if (!is_empty(*part)) return;
    }
    take_live(type);
    return;
  }
  write_shown(make_live(type), element.kind, element.name.view(), shown);
}

void KeyEditor::render(Element& element) {
  show(element, evaluate(element, key_.content));
}

void KeyEditor::render_content() {
  for (const auto& element : key_.elements()) {
    if (is_content_part(*element)) render(*element);
  }
}

// Puts the part of the highest rank into the table.
void KeyEditor::finish() {
  std::optional<Type> best;
  for (const Type type : types_by_rank) {
    if (key_.shown == type || (key_.aside != nullptr && key_.aside->hidden.of(type))) {
      best = type;
      break;
    }
  }
  const std::string_view name = key_.name.view();
  if (best != key_.shown) {
    if (key_.shown) {
      const Type lower = *key_.shown;
      std::optional<Value> taken = take_live(lower);
      key_.make_aside().hidden.of(lower) = std::move(taken);
    }
    auto& hidden = key_.aside->hidden.of(*best);
    table_.put(name, std::move(*hidden));
    hidden.reset();
    key_.shown = best;
  } else if (!best && vacant_) {
    table_.erase(name);
  }
  vacant_ = false;
  if (key_.aside != nullptr && key_.aside->hidden.empty() && key_.aside->displaced.empty())
    key_.aside.reset();
  if (key_.shown && table_expiry_ != key_.live_expiry) table_.set_expiry(name, key_.live_expiry);
}

}  // namespace holdfast::eventual
