// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "value/dense_table.h"

namespace holdfast {

/// Fields and their values, both byte strings. Places as in Set.
class Hash {
 public:
  /// The field's value; valid until the next change.
  std::optional<std::string_view> find(std::string_view field) const;
  /// As Value::prefetch_item().
  void prefetch(std::string_view field) const { fields_.prefetch(field); }
  /// True when the field was not there. O(1) amortised.
  bool put(std::string_view field, std::string_view value);
  bool erase(std::string_view field);
  /// Undoes an erase() of the field that was at that place, if nothing was changed since that was
  /// not undone before.
  void restore(std::size_t place, std::string_view field, std::string_view value);
  std::size_t size() const { return fields_.size(); }
  std::string_view field_at(std::size_t place) const { return fields_.at(place).key.view(); }
  std::string_view value_at(std::size_t place) const { return fields_.at(place).value.view(); }
  /// As DenseTable::pieces().
  Pieces* pieces() { return fields_.pieces(); }
  std::size_t heap_bytes() const { return fields_.heap_bytes(); }

 private:
  struct Item {
    SmallString key;
    SmallString value;
    std::size_t heap_bytes() const { return key.heap_bytes() + value.heap_bytes(); }
  };
  DenseTable<Item> fields_;
};

}  // namespace holdfast
