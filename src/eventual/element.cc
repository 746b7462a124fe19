// SPDX-License-Identifier: Apache-2.0
#include "eventual/element.h"

#include <algorithm>
#include <utility>

#include "value/value.h"

namespace holdfast::eventual {
namespace {

/// The removals that count: one whose sight another's includes removes nothing
/// the other does not. Few are left: they are concurrent.
class Removers {
 public:
  bool cover(const Item& item) const {
    return std::ranges::any_of(last_, [&](const Act& r) { return r.saw(item); });
  }
  void add(const Item& item) {
    if (!item.removes()) return;
    if (std::ranges::any_of(last_, [&](const Act& r) { return r.saw_all_of(item); })) return;
    last_.emplace_back(item);
  }
  void add_all(const Element& element) {
    for (auto it = element.items.rbegin(); it != element.items.rend(); ++it) {
      add(*it);
    }
  }

 private:
  absl::InlinedVector<Act, 8> last_;
};

/// As Removers, the other way round: what the first ones saw, all saw.
class FirstRemovers {
 public:
  void add_all(const Element& element) {
    absl::InlinedVector<const Item*, 8> met;
    for (const Item& item : element.items) {
      if (!item.removes()) continue;
      const Act act(item);
      const bool later =
          std::ranges::any_of(met, [&](const Item* one) { return act.saw_all_of(*one); });
      if (later) continue;
      met.push_back(&item);
      first_.push_back(act);
    }
  }
  bool all_saw(const Item& item) const {
    return std::ranges::all_of(first_, [&](const Act& r) { return r.saw(item); });
  }

 private:
  absl::InlinedVector<Act, 8> first_;
};

bool heeds_content(const Element& element) {
  return element.kind != ElementKind::expiry && element.kind != ElementKind::content;
}

template <typename Each>
bool weigh_each(const Element& element, const Element* content, Each each) {
  Removers removers;
  if (content != nullptr && heeds_content(element)) removers.add_all(*content);
  for (auto it = element.items.rbegin(); it != element.items.rend(); ++it) {
    const bool covered = removers.cover(*it);
    removers.add(*it);
    each(*it, covered);
  }
  return !has_removers(element) &&
         (content == nullptr || !heeds_content(element) || !has_removers(*content));
}

}  // namespace

std::int64_t added(ElementKind kind, std::int64_t a, std::int64_t b) {
  const int unused = kind == ElementKind::score ? 64 - score_bits : 0;
  const auto sum = static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b);
  return static_cast<std::int64_t>(sum << unused) >> unused;
}

bool weigh(const Element& element, const Element* content,
           absl::FunctionRef<void(const Item& item, bool covered)> each) {
  return weigh_each(element, content, each);
}

Shown evaluate(const Element& element, const Element* content) {
  bool has_put = false;
  bool has_sum = false;
  const Item* put = nullptr;
  Stamp stamp;  // of the put
  std::string_view text;
  std::int64_t put_number = 0;
  std::int64_t sum = 0;
  const bool base_counts = weigh_each(element, content, [&](const Item& item, bool covered) {
    if (covered || !item.writes()) return;
    if (item.role == Role::add) {
      has_sum = true;
      sum = added(element.kind, sum, item.number);
    } else if (!has_put) {  // the first met is the greatest
      has_put = true;
      put = &item;
      stamp = item.operation->stamp();
      text = item.text.view();
      put_number = item.number;
    }
  });
  if (base_counts) {
    const Base& base = element.base;
    if (base.has_sum) {
      has_sum = true;
      sum = added(element.kind, sum, base.number);
    }
    if (base.has_put && (!has_put || stamp < base.stamp)) {
      has_put = true;
      put = nullptr;
      text = base.text.view();
      put_number = base.number;
    }
  }

  if (!has_put) return {.present = has_sum, .is_number = true, .number = sum};
  Shown shown = shown_by_put(element.kind, text, put_number);
  shown.put = put;
  if (shown.is_number) shown.number = added(element.kind, shown.number, sum);
  return shown;
}

Shown shown_by_put(ElementKind kind, std::string_view text, std::int64_t number) {
  if (kind == ElementKind::expiry) return {.present = number != expiry_never, .number = number};
  auto parsed = parse_integer(text);
  if (kind == ElementKind::score && parsed && added(kind, *parsed, 0) != *parsed) parsed.reset();
  return {
      .present = true, .is_number = parsed.has_value(), .number = parsed.value_or(0), .text = text};
}

void insert_item(Element& element, Item item) {
  ++item.operation->items;
  auto at = element.items.end();
  while (at != element.items.begin() && item.before(*(at - 1))) --at;
  element.items.insert(at, std::move(item));
}

void drop_items(Element& element, absl::FunctionRef<bool(Item&)> gone, Idle& idle) {
  const auto end = std::remove_if(element.items.begin(), element.items.end(), [&](Item& item) {
    if (!gone(item)) return false;
    UnstableOperation& operation = *item.operation;
    if (--operation.items == 0 && operation.queued == 0) idle.push_back(&operation);
    return true;
  });
  element.items.erase(end, element.items.end());
}

void remove_seen(Element& element, const Act& act, Idle& idle) {
  const auto gone = [&](Item& item) {
    if (!act.saw(item)) return false;
    if (!item.removes() || act.saw_all_of(item)) return true;
    item.role = Role::remove;
    item.text = {};
    return false;
  };
  drop_items(element, gone, idle);
}

bool has_removers(const Element& element) {
  return std::ranges::any_of(element.items, [](const Item& item) { return item.removes(); });
}

void fold_writes(Element& element, const Element* content,
                 absl::FunctionRef<bool(const UnstableOperation&)> is_stable, Idle& idle) {
  FirstRemovers removers;
  removers.add_all(element);
  if (content != nullptr && heeds_content(element)) removers.add_all(*content);
  const auto fold = [&](const Item& item) {
    if (!item.writes() || item.removes() || !is_stable(*item.operation) || !removers.all_saw(item))
      return false;
    Base& base = element.base;
    if (item.role == Role::add) {
      base.has_sum = true;
      base.number = added(element.kind, base.number, item.number);
    } else if (!base.has_put || base.stamp <= item.operation->stamp()) {
      base.has_put = true;
      base.stamp = item.operation->stamp();
      base.text = item.text;
      if (element.kind == ElementKind::expiry) base.number = item.number;
    }
    return true;
  };
  drop_items(element, fold, idle);
}

}  // namespace holdfast::eventual
