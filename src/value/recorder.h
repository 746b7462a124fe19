// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace holdfast {

class Hash;
class List;
class Set;
class SortedSet;

/// Told what collections lose, before they lose it, so that it can be given back
/// (Table::begin_undo). Views are of the collection as it is.
class Recorder {
 public:
  virtual ~Recorder() = default;
  /// The field will have another value, or be there where it was not.
  virtual void field_put(Hash& hash, std::string_view field,
                         std::optional<std::string_view> old) = 0;
  virtual void field_erased(Hash& hash, std::size_t place) = 0;
  virtual void member_inserted(Set& set, std::string_view member) = 0;
  virtual void member_erased(Set& set, std::size_t place) = 0;
  /// The member will have another score, or be there where it was not.
  virtual void score_put(SortedSet& set, std::string_view member, std::optional<double> old) = 0;
  virtual void score_erased(SortedSet& set, std::size_t place) = 0;
  /// The item is there now.
  virtual void item_inserted(List& list, std::size_t index) = 0;
  virtual void item_set(List& list, std::size_t index) = 0;
  virtual void item_erased(List& list, std::size_t index) = 0;

  /// The one that this thread's collections tell; null: none.
  static inline thread_local Recorder* of_thread = nullptr;
};

}  // namespace holdfast
