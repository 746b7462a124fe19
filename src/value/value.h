// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>

#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/small_string.h"

namespace holdfast {

class Hash;
class List;
class Set;
class SortedSet;

/// The types a key can have. Numbers are stable: they are in checkpoints.
enum class Type : std::uint8_t { string = 1, hash = 2, set = 3, sorted_set = 4, list = 5 };

/// As Redis' TYPE names it.
std::string_view type_name(Type type);

/// The decimal text of an integer as Redis accepts it: an optional minus, no
/// plus, no leading zero, no space, within 64 bits. O(length).
std::optional<std::int64_t> parse_integer(std::string_view text);

/// Room for the longest 64-bit decimal; Value::text() needs one.
struct IntegerText {
  char bytes[20];
};

/// What a key holds. 24 bytes; a string that is a canonical integer is kept as
/// one, so that counters cost no parsing. Movable, copied only by clone().
class Value {
 public:
  /// A string. Becomes an integer inside when the text is a canonical one.
  static Value string(std::string_view text);
  static Value integer(std::int64_t number);
  static Value hash(std::unique_ptr<Hash> fields);
  static Value set(std::unique_ptr<Set> members);
  static Value sorted_set(std::unique_ptr<SortedSet> members);
  static Value list(std::unique_ptr<List> items);
  Value(Value&&) noexcept;
  Value& operator=(Value&&) noexcept;
  ~Value();

  Type type() const;
  Value clone() const;

  /// Brings towards the processor's cache what is not in the value itself.
  void prefetch() const;
  /// The same for what finds that field of a hash, or that member of a set. Anything else: nothing.
  void prefetch_item(std::string_view item) const;

  // Strings only (asserted).
  std::optional<std::int64_t> as_integer() const;
  /// The text; lives as long as this value and `room`.
  std::string_view text(IntegerText& room) const;
  std::size_t text_bytes() const;
  /// Has `edit` change the text's bytes in place, lengthened by zeros to `bytes_min` where it is
  /// shorter. O(1) and `edit`, or O(bytes) where it is lengthened or was an integer.
  void edit_text(std::size_t bytes_min, absl::FunctionRef<void(std::span<char>)> edit);

  // The other types, each only on its own (asserted).
  Hash& as_hash();
  const Hash& as_hash() const;
  Set& as_set();
  const Set& as_set() const;
  SortedSet& as_sorted_set();
  const SortedSet& as_sorted_set() const;
  List& as_list();
  const List& as_list() const;

  /// Bytes on the heap, roughly. O(1) for strings and lists, O(n) for other collections.
  std::size_t heap_bytes() const;

 private:
  using Held = std::variant<std::int64_t, SmallString, std::unique_ptr<Hash>, std::unique_ptr<Set>,
                            std::unique_ptr<SortedSet>, std::unique_ptr<List>>;
  explicit Value(Held held);
  Held held_;
};
static_assert(sizeof(Value) == 24);

/// Appends the value's stored form (docs/formats/value.md), type byte first.
void encode(const Value& value, std::string& out);
/// kCorrupt when the bytes are no stored value.
Result<Value> decode_value(std::string_view bytes);

}  // namespace holdfast
