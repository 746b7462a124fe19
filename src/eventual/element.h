// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/inlined_vector.h>
#include <absl/functional/function_ref.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/small_string.h"
#include "eventual/unstable_operation.h"

namespace holdfast::eventual {

struct OpenKey;

/// What an operation does to one element. Every effect is made of these.
enum class Role : std::uint8_t {
  remove = 1,  // removes what it saw
  put = 2,     // removes what it saw, and writes
  add = 3,     // an increment, or that a member is there
};

struct Item {
  UnstableOperation* operation;
  std::uint32_t index;  // place within the operation: a later effect saw the earlier
  Role role;
  /// Nothing that it could still remove can turn up: it has removed what it
  /// saw for good and only its write is left.
  bool settled = false;
  std::int64_t number = 0;  // add: the increment. put of an expiry: its time
  SpillingString text;      // put

  bool removes() const { return role != Role::add && !settled; }
  bool writes() const { return role != Role::remove; }
  /// The order that decides, in which whatever saw lies behind what it saw.
  bool before(const Item& other) const {
    const Stamp a = operation->stamp();
    const Stamp b = other.operation->stamp();
    return a != b ? a < b : index < other.index;
  }
};

/// An item's name, for use while items move.
struct Act {
  const UnstableOperation* operation;
  std::uint32_t index;
  explicit Act(const Item& item) : operation(item.operation), index(item.index) {}
  bool saw(const Item& other) const {
    return operation == other.operation ? index > other.index : operation->saw(*other.operation);
  }
  /// Whether it saw all that the other saw too. Not so when it saw but a later
  /// try of the other, which knew less than the first.
  bool saw_all_of(const Item& other) const {
    return operation == other.operation ? index > other.index
                                        : operation->saw(other.operation->dot);
  }
};

/// Sorted by Item::before.
using Items = absl::InlinedVector<Item, 1, SpillingAllocator<Item>>;

enum class ElementKind : std::uint8_t {
  content = 1,  // the whole key but its expiry: holds nothing but removals
  string = 2,   // the key's own text or number
  expiry = 3,
  field = 4,
  member = 5,
  score = 6,  // of a member of a sorted set
};

/// Integers of so many bits are all doubles.
inline constexpr int score_bits = 54;

/// The time of a put that sets no expiry.
inline constexpr std::int64_t expiry_never = INT64_MAX;

/// What is stable of an element, folded. Every removal that is in the lists,
/// or may ever arrive, saw it.
struct Base {
  bool has_put = false;
  bool has_sum = false;     // has increments; of a member: it is there
  Stamp stamp;              // of the put
  std::int64_t number = 0;  // the sum, or an expiry's time
  SpillingString text;      // of the put
};

/// A field, a member, … of which something is unstable.
struct Element : Spilling {
  OpenKey* key = nullptr;
  ElementKind kind{};
  bool fold_queued = false;
  std::uint32_t place = 0;  // among its key's elements
  SpillingString name;      // of a field, member or score
  std::uint32_t refs = 0;   // operations that name it in `touched`
  Base base;
  Items items;
};

/// What an element shows.
struct Shown {
  bool present = false;
  bool is_number = false;
  std::int64_t number = 0;
  std::string_view text;      // into the element
  const Item* put = nullptr;  // whose text it is; nullptr: the base's, or there is none
};

/// From the base and the items, by the rules of 3-contract section 5. `content`
/// is the key's element of that kind (or null): what it removes counts for
/// all elements but the expiry.
Shown evaluate(const Element& element, const Element* content);

/// What evaluate() goes by: `each` hears of every item, the greatest first, and whether a
/// removal covers it. True: the base counts.
bool weigh(const Element& element, const Element* content,
           absl::FunctionRef<void(const Item& item, bool covered)> each);

/// Operations that lost their last item; their owner looks after them.
using Idle = std::vector<UnstableOperation*>;

/// Adds as elements of this kind do: numbers wrap around at 64 bits, scores at 54, the integers
/// that a double holds. So it does not matter in which order, and what of it lay in the table
/// meanwhile.
std::int64_t added(ElementKind kind, std::int64_t a, std::int64_t b);

/// What a put alone shows.
Shown shown_by_put(ElementKind kind, std::string_view text, std::int64_t number);

void insert_item(Element& element, Item item);
void drop_items(Element& element, absl::FunctionRef<bool(Item&)> gone, Idle& idle);
/// Takes out, for good, what `act` saw and removes. A removal that it saw but
/// does not stand for stays, without what it wrote.
void remove_seen(Element& element, const Act& act, Idle& idle);
bool has_removers(const Element& element);

/// Turns writes that can be no more removed than the base into base: those
/// whose operation `is_stable`, and which every removal in the lists saw.
void fold_writes(Element& element, const Element* content,
                 absl::FunctionRef<bool(const UnstableOperation&)> is_stable, Idle& idle);

}  // namespace holdfast::eventual
