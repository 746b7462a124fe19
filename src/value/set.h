// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "value/dense_table.h"

namespace holdfast {

/// A set of byte strings. Members have places 0 … size()-1: insert appends,
/// erase moves the last member into the gap. So the order is a function of the
/// operations alone, the same on every node and after a reload, a random
/// member is O(1), and a scan that walks places downward meets every member
/// that stays throughout.
class Set {
 public:
  bool contains(std::string_view member) const { return members_.find(member) != npos; }
  /// As Value::prefetch_item().
  void prefetch(std::string_view member) const { members_.prefetch(member); }
  /// True when it was not there. O(1) amortised.
  bool insert(std::string_view member);
  bool erase(std::string_view member);
  /// Undoes an erase() of the member that was at that place, as Hash::restore().
  void restore(std::size_t place, std::string_view member);
  std::size_t size() const { return members_.size(); }
  std::string_view at(std::size_t place) const { return members_.at(place).key.view(); }
  /// As DenseTable::pieces().
  Pieces* pieces() { return members_.pieces(); }
  std::size_t heap_bytes() const { return members_.heap_bytes(); }

 private:
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
  struct Item {
    SmallString key;
    std::size_t heap_bytes() const { return key.heap_bytes(); }
  };
  DenseTable<Item> members_;
};

}  // namespace holdfast
