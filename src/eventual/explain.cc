// SPDX-License-Identifier: Apache-2.0
#include "eventual/explain.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <utility>

#include "eventual/element_values.h"
#include "eventual/key_editor.h"
#include "eventual/open_key.h"
#include "value/hash.h"
#include "value/set.h"
#include "value/sorted_set.h"

namespace holdfast::eventual {
namespace {

using Effect = Explanation::Effect;

/// An operation's effect: each has two places among its operation's items (KeyEditor::apply).
using EffectName = std::pair<UnstableOperation*, std::uint32_t>;

EffectName name_of(const Item& item) {
  return {item.operation, item.index / 2};
}

/// What an effect did beside what it wrote: SET and what found nothing at the
/// key remove all of it first.
struct Around {
  bool clears = false;
  const Item* expiry = nullptr;  // the put among them
  bool expiry_covered = false;
  bool expiry_counts = false;
};

std::string cut(std::string_view text, std::size_t bytes) {
  return std::string(text.substr(0, bytes));
}

class Explainer {
 public:
  Explainer(Explanation& out, const Explanation::Bounds& bounds) : out_(out), bounds_(bounds) {}

  void explain(const OpenKey& key) {
    // First, so that what is left of it afterwards did nothing else.
    if (key.content != nullptr) {
      for (const Item& item : key.content->items) around_[name_of(item)].clears = true;
    }
    if (key.expiry != nullptr) explain_expiry(*key.expiry);
    for (const auto& element : key.elements()) {
      if (element->kind != ElementKind::content && element->kind != ElementKind::expiry)
        explain(*element, key.content);
    }
    std::vector<std::pair<EffectName, Around>> rest(around_.begin(), around_.end());
    std::ranges::sort(rest, [](const auto& a, const auto& b) {
      const Stamp x = a.first.first->stamp(), y = b.first.first->stamp();
      return x != y ? x > y : a.first.second > b.first.second;
    });
    for (const auto& [name, around] : rest) explain_rest(name, around);
    const std::size_t left = std::min(bounds_.ids - out_.ids.size(), tried_once_.size());
    out_.ids.insert(out_.ids.end(), tried_once_.begin(),
                    tried_once_.begin() + static_cast<std::ptrdiff_t>(left));
    out_.ids_left_out += tried_once_.size() - left;
  }

  bool is_full() const { return out_.stable.size() == bounds_.elements; }
  void leave_out(std::size_t elements) { out_.stable_left_out += elements; }

  void fold(ElementKind kind, std::string_view element, const Base& base, bool covered,
            const Shown& shown) {
    if (!base.has_put && !base.has_sum) return;
    if (is_full()) return leave_out(1);
    out_.stable.push_back({.kind = kind,
                           .element = cut(element, bounds_.text_bytes),
                           .has_put = base.has_put,
                           .has_sum = base.has_sum,
                           .text = cut(base.text.view(), bounds_.text_bytes),
                           .text_bytes = base.text.size(),
                           .number = base.number,
                           .covered = covered,
                           .put_counts = !covered && base.has_put && shown.put == nullptr,
                           .sum_counts = !covered && base.has_sum && shown.is_number});
  }

 private:
  Explanation::Origin& origin_of(const Item& item) {
    const UnstableOperation& operation = *item.operation;
    Explanation::Origin& origin = out_.origins[operation.dot.origin];
    origin.latest = std::max(origin.latest, operation.time);
    return origin;
  }

  void tell(Explanation::Origin& origin, const Item& item, Effect effect) {
    const UnstableOperation& operation = *item.operation;
    if (operation.has_id) tell_id(operation);
    if (origin.effects.size() == bounds_.effects) {
      ++origin.left_out;
      return;
    }
    effect.dot = operation.dot;
    effect.time = operation.time;
    if (operation.has_id) effect.id = operation.id;
    origin.effects.push_back(std::move(effect));
  }

  // Those tried more than once come first: of the others their effects tell all.
  void tell_id(const UnstableOperation& operation) {
    auto& ids = operation.tries.size() > 1 ? out_.ids : tried_once_;
    if (ids.size() == bounds_.ids) {
      ++out_.ids_left_out;
      return;
    }
    if (!told_ids_.insert(&operation).second) return;
    ids.push_back({.id = operation.id,
                   .counted = operation.dot,
                   .tries = {operation.tries.begin(), operation.tries.end()},
                   .replies_differ = operation.replies_differ});
  }

  void explain_expiry(const Element& element) {
    const Shown shown = evaluate(element, nullptr);
    const bool base_counts = weigh(element, nullptr, [&](const Item& item, bool covered) {
      Around& around = around_[name_of(item)];
      if (!item.writes()) return;
      around.expiry = &item;
      around.expiry_covered = covered;
      around.expiry_counts = &item == shown.put;
    });
    fold(element.kind, {}, element.base, !base_counts, shown);
  }

  void explain(const Element& element, const Element* content) {
    const Shown shown = evaluate(element, content);
    const bool base_counts = weigh(element, content, [&](const Item& item, bool covered) {
      const bool counts =
          !covered && (item.role == Role::add ? shown.is_number : &item == shown.put);
      Explanation::Origin& origin = origin_of(item);
      if (counts && item.role == Role::add && element.kind == ElementKind::string) {
        origin.has_sum = true;
        origin.sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(origin.sum) +
                                               static_cast<std::uint64_t>(item.number));
      }
      Effect effect{.what = what_of(item.role),
                    .kind = element.kind,
                    .element = cut(element.name.view(), bounds_.text_bytes),
                    .text = cut(item.text.view(), bounds_.text_bytes),
                    .text_bytes = item.text.size(),
                    .number = item.number,
                    .clears = element.kind == ElementKind::string && item.role == Role::put,
                    .covered = covered,
                    .counts = counts};
      if (!around_.empty()) take_around(item, effect);
      tell(origin, item, std::move(effect));
    });
    fold(element.kind, element.name.view(), element.base, !base_counts, shown);
  }

  // What belongs to an effect is told with it. A SET's "no expiry" is not told.
  void take_around(const Item& item, Effect& effect) {
    const auto it = around_.find(name_of(item));
    if (it == around_.end()) return;
    effect.clears = effect.clears || it->second.clears;
    around_.erase(it);
  }

  // What wrote nothing but an expiry, or of which nothing else is left.
  void explain_rest(const EffectName& name, const Around& around) {
    const Item* const expiry = around.expiry;
    const Item item{name.first, 2 * name.second, Role::remove};
    // "No expiry" beside a removal is a SET's whose text is no longer kept.
    const bool never = expiry != nullptr && expiry->number == expiry_never;
    Effect effect;
    effect.what =
        expiry == nullptr || (never && around.clears) ? Effect::What::clear : Effect::What::expire;
    effect.kind = effect.what == Effect::What::clear ? ElementKind::content : ElementKind::expiry;
    effect.clears = around.clears;
    if (expiry != nullptr) {
      effect.number = expiry->number;
      effect.covered = around.expiry_covered;
      effect.counts = around.expiry_counts;
    }
    tell(origin_of(item), item, std::move(effect));
  }

  static Effect::What what_of(Role role) {
    switch (role) {
      case Role::put:
        return Effect::What::put;
      case Role::add:
        return Effect::What::add;
      default:
        return Effect::What::remove;
    }
  }

  Explanation& out_;
  const Explanation::Bounds& bounds_;
  absl::flat_hash_map<EffectName, Around> around_;
  std::vector<Explanation::Id> tried_once_;
  absl::flat_hash_set<const UnstableOperation*> told_ids_;
};

/// Elements of their own that the part says something of, too.
std::size_t held_in(const OpenKey& key, const Value& part) {
  return static_cast<std::size_t>(std::ranges::count_if(key.elements(), [&](const auto& element) {
    if (element->kind == ElementKind::content || element->kind == ElementKind::expiry ||
        type_of(element->kind) != part.type())
      return false;
    const Base base = read_base(part, element->kind, element->name.view());
    return base.has_put || base.has_sum;
  }));
}

/// What lies in a part alone, without an element of its own.
void fold_plain(Explainer& explainer, const OpenKey* key, const Value& part, bool covered) {
  ElementKind kind = ElementKind::string;
  std::size_t size = 1;
  const auto name_at = [&](std::size_t i) -> std::string_view {
    if (kind == ElementKind::field) return part.as_hash().field_at(i);
    if (kind == ElementKind::score) return part.as_sorted_set().member_at(i);
    return kind == ElementKind::member ? part.as_set().at(i) : std::string_view();
  };
  if (part.type() == Type::hash) {
    kind = ElementKind::field;
    size = part.as_hash().size();
  } else if (part.type() == Type::set) {
    kind = ElementKind::member;
    size = part.as_set().size();
  } else if (part.type() == Type::sorted_set) {
    kind = ElementKind::score;
    size = part.as_sorted_set().size();
  }
  std::size_t plain = size - (key == nullptr ? 0 : held_in(*key, part));
  for (std::size_t i = 0; i < size && plain > 0 && !explainer.is_full(); ++i) {
    if (key != nullptr && key->find(kind, name_at(i)) != nullptr) continue;
    const Base base = read_base(part, kind, name_at(i));
    explainer.fold(kind, name_at(i), base, covered, {.is_number = base.has_sum});
    --plain;
  }
  explainer.leave_out(plain);
}

void fold_expiry(Explainer& explainer, Instant at) {
  Base base;
  base.has_put = true;
  base.number = to_ms(at);
  explainer.fold(ElementKind::expiry, {}, base, false, {.present = true});
}

void explain_open(const OpenKey& key, const Value* in_table, Explanation& out,
                  Explainer& explainer) {
  out.open = true;
  out.shown = key.shown;
  out.expiry = key.live_expiry;
  for (const Type type : types_by_rank) {
    if (key.aside != nullptr && key.aside->hidden.of(type)) out.hidden.push_back(type);
  }
  // Out of the table only: it still is what the rest is.
  if (key.parked && !out.hidden.empty()) {
    out.shown = out.hidden.front();
    out.hidden.erase(out.hidden.begin());
  }
  explainer.explain(key);
  if (key.expiry == nullptr && key.live_expiry) fold_expiry(explainer, *key.live_expiry);
  for (const Type type : types_by_rank) {
    const Value* part = nullptr;
    if (key.covered()) {
      if (key.aside != nullptr && key.aside->displaced.of(type))
        part = &*key.aside->displaced.of(type);
    } else if (key.shown == type) {
      part = in_table;
    } else if (key.aside != nullptr && key.aside->hidden.of(type)) {
      part = &*key.aside->hidden.of(type);
    }
    if (part != nullptr) fold_plain(explainer, &key, *part, key.covered());
  }
}

}  // namespace

Explanation explain(const OpenKey* key, Table& table, std::string_view name,
                    const Explanation::Bounds& bounds) {
  Explanation out;
  Explainer explainer(out, bounds);
  const Value* const in_table = table.find(name, before_all);
  if (key != nullptr) {
    explain_open(*key, in_table, out, explainer);
  } else if (in_table != nullptr) {
    out.shown = in_table->type();
    out.expiry = table.expiry(name, before_all);
    if (out.expiry) fold_expiry(explainer, *out.expiry);
    fold_plain(explainer, nullptr, *in_table, false);
  }
  return out;
}

}  // namespace holdfast::eventual
