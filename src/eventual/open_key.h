// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/small_string.h"
#include "base/units.h"
#include "eventual/element.h"
#include "eventual/roster.h"
#include "value/value.h"

namespace holdfast::eventual {

/// A value for each type a key can have.
class Parts {
 public:
  std::optional<Value>& of(Type type) { return values_[static_cast<std::size_t>(type) - 1]; }
  const std::optional<Value>& of(Type type) const {
    return values_[static_cast<std::size_t>(type) - 1];
  }
  bool empty() const {
    return std::ranges::none_of(values_, [](const auto& value) { return value.has_value(); });
  }
  void clear() {
    for (auto& value : values_) value.reset();
  }

 private:
  std::array<std::optional<Value>, 4> values_;
};

/// The types in the order in which one hides the next when concurrent
/// operations made a key several of them.
inline constexpr std::array types_by_rank{Type::string, Type::hash, Type::set, Type::sorted_set};

/// A key of which not all is plain value in the table: some of its elements
/// have items, or it has parts of several types. An element that is not among
/// `elements` is stable and lies in the shown part, or while `content` holds a
/// removal, in the displaced part.
struct OpenKey : Spilling {
  KeyspaceId keyspace;
  SpillingString name;
  std::optional<Type> shown;           // the part that lies in the table
  bool parked = false;                 // expired for all: nothing is in the table
  std::uint64_t emptied = 0;           // the last time it became empty, see OpenState's limbo
  std::optional<Instant> live_expiry;  // the expiry that counts, in the table while `shown`
  Listed listed;

  struct Aside : Spilling {
    Parts hidden;     // parts that count, but another type is shown
    Parts displaced;  // what was there before the removals in `content`
  };
  std::unique_ptr<Aside> aside;
  Aside& make_aside() {
    if (aside == nullptr) aside = std::make_unique<Aside>();
    return *aside;
  }

  Element* content = nullptr;
  Element* string = nullptr;
  Element* expiry = nullptr;

  const SpillingVector<std::unique_ptr<Element>>& elements() const { return elements_; }
  Element* find(ElementKind kind, std::string_view element_name) const;
  /// It must not be there.
  Element& make(ElementKind kind, std::string_view element_name);
  void erase(Element& element);

  bool covered() const { return content != nullptr && !content->items.empty(); }
  bool is_empty() const { return !shown && !has_hidden(); }
  bool has_hidden() const { return aside != nullptr && !aside->hidden.empty(); }

 private:
  static constexpr std::size_t linear_max = 8;
  struct Named {
    ElementKind kind;
    std::string_view name;
  };
  struct ByName {
    using is_transparent = void;
    static Named name_of(const Element* e) { return {e->kind, e->name.view()}; }
    static Named name_of(const Named& n) { return n; }
    template <typename T>
    std::size_t operator()(const T& t) const {
      const Named named = name_of(t);
      return absl::HashOf(static_cast<std::uint8_t>(named.kind), named.name);
    }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return name_of(a).kind == name_of(b).kind && name_of(a).name == name_of(b).name;
    }
  };
  Element** slot_of(ElementKind kind);

  using Index = absl::flat_hash_set<Element*, ByName, ByName, SpillingAllocator<Element*>>;
  SpillingVector<std::unique_ptr<Element>> elements_;
  std::unique_ptr<Index> index_;
};

}  // namespace holdfast::eventual
