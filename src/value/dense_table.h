// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/small_string.h"

namespace holdfast {

/// A hash table whose items lie in one vector in a defined order; what hashes
/// (randomly, per process) is only an index of places. Abseil's own tables
/// iterate in another order in every process, which would let replicas differ.
/// Up to `linear_max` items there is no index: a walk is faster and smaller.
/// Stays where it was made: its index refers to it.
/// Item has a member `key` of type SmallString and heap_bytes().
template <typename Item>
class DenseTable {
 public:
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
  static constexpr std::size_t linear_max = 8;

  DenseTable() = default;
  DenseTable(const DenseTable&) = delete;
  DenseTable& operator=(const DenseTable&) = delete;

  std::size_t size() const { return items_.size(); }
  const Item& at(std::size_t place) const { return items_[place]; }
  Item& at(std::size_t place) { return items_[place]; }

  std::size_t find(std::string_view key) const {
    if (index_ == nullptr) {
      for (std::size_t i = 0; i < items_.size(); ++i) {
        if (items_[i].key.view() == key) return i;
      }
      return npos;
    }
    const auto it = index_->find(key);
    return it == index_->end() ? npos : *it;
  }

  /// The key must not be there.
  void append(Item item) {
    items_.push_back(std::move(item));
    if (index_ != nullptr) {
      index_->insert(static_cast<std::uint32_t>(items_.size() - 1));
    } else if (items_.size() > linear_max) {
      build_index();
    }
  }

  /// Moves the last item into the gap.
  void erase_at(std::size_t place) {
    HF_ASSERT(place < items_.size());
    const std::size_t last = items_.size() - 1;
    if (index_ != nullptr) {
      index_->erase(static_cast<std::uint32_t>(place));
      if (place != last) index_->erase(static_cast<std::uint32_t>(last));
    }
    if (place != last) items_[place] = std::move(items_[last]);
    items_.pop_back();
    if (index_ != nullptr && place != last) index_->insert(static_cast<std::uint32_t>(place));
  }

  /// Undoes erase_at(): the item is at `place` again, and what was moved there is the last again.
  void restore_at(std::size_t place, Item item) {
    HF_ASSERT(place <= items_.size());
    if (place == items_.size()) return append(std::move(item));
    if (index_ != nullptr) index_->erase(static_cast<std::uint32_t>(place));
    Item moved = std::exchange(items_[place], std::move(item));
    if (index_ != nullptr) index_->insert(static_cast<std::uint32_t>(place));
    append(std::move(moved));
  }

  /// O(n).
  std::size_t heap_bytes() const {
    std::size_t bytes = items_.capacity() * sizeof(Item);
    if (index_ != nullptr) bytes += index_->capacity() * (sizeof(std::uint32_t) + 1);
    for (const Item& item : items_) bytes += item.heap_bytes();
    return bytes;
  }

 private:
  using Items = std::vector<Item>;
  struct ByKey {
    using is_transparent = void;
    const Items* items;
    std::string_view key_of(std::uint32_t place) const { return (*items)[place].key.view(); }
    std::size_t operator()(std::uint32_t place) const { return (*this)(key_of(place)); }
    std::size_t operator()(std::string_view key) const {
      return absl::Hash<std::string_view>()(key);
    }
    bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
    bool operator()(std::uint32_t a, std::string_view b) const { return key_of(a) == b; }
    bool operator()(std::string_view a, std::uint32_t b) const { return a == key_of(b); }
  };
  using Index = absl::flat_hash_set<std::uint32_t, ByKey, ByKey>;

  void build_index() {
    index_ = std::make_unique<Index>(0, ByKey{&items_}, ByKey{&items_});
    for (std::uint32_t i = 0; i < items_.size(); ++i) index_->insert(i);
  }

  Items items_;
  std::unique_ptr<Index> index_;
};

}  // namespace holdfast
