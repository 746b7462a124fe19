// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/small_string.h"
#include "value/pieces.h"
#include "value/place_index.h"

namespace holdfast {

/// A hash table whose items lie in a defined order; what hashes (randomly, per
/// process) is only an index of places. Abseil's own tables iterate in another
/// order in every process, which would let replicas differ. Up to `linear_max`
/// items there is no index: a walk is faster and smaller.
///
/// The first piece of items is one vector that grows; those behind it lie in pieces of
/// their own, so that no change moves more than a piece.
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

  std::size_t size() const { return large_ == nullptr ? first_.size() : large_->size; }
  const Item& at(std::size_t place) const {
    return place < piece_items ? first_[place] : (*large_)[place];
  }
  std::string_view key_at(std::size_t place) const { return at(place).key.view(); }
  /// To be changed, but for its key.
  Item& change_at(std::size_t place) {
    if (large_ != nullptr) large_->pieces.changing(place / piece_items);
    return item(place);
  }

  std::size_t find(std::string_view key) const {
    if (index_ == nullptr) {
      for (std::size_t i = 0; i < first_.size(); ++i) {
        if (first_[i].key.view() == key) return i;
      }
      return npos;
    }
    const auto place = index_->find(key);
    return place ? *place : npos;
  }

  /// As PlaceIndex::prefetch().
  void prefetch(std::string_view key) const {
    if (index_ != nullptr) index_->prefetch(key);
  }

  /// The key must not be there.
  void append(Item item) {
    if (first_.size() < piece_items) {
      first_.push_back(std::move(item));
    } else {
      if (large_ == nullptr) large_ = std::make_unique<Large>();
      large_->append(std::move(item));
    }
    if (index_ != nullptr) {
      index_->insert(static_cast<std::uint32_t>(size() - 1));
    } else if (size() > linear_max) {
      build_index();
    }
  }

  /// Moves the last item into the gap.
  void erase_at(std::size_t place) {
    HF_ASSERT(place < size());
    const std::size_t last = size() - 1;
    if (index_ != nullptr) {
      index_->erase(static_cast<std::uint32_t>(place));
      if (place != last) index_->erase(static_cast<std::uint32_t>(last));
    }
    if (place != last) change_at(place) = std::move(change_at(last));
    if (large_ == nullptr) {
      first_.pop_back();
    } else {
      large_->pop();
    }
    if (index_ != nullptr && place != last) index_->insert(static_cast<std::uint32_t>(place));
    if (large_ != nullptr && size() == piece_items) become_small();
  }

  /// Undoes erase_at(): the item is at `place` again, and what was moved there is the last again.
  void restore_at(std::size_t place, Item item) {
    HF_ASSERT(place <= size());
    if (place == size()) return append(std::move(item));
    if (index_ != nullptr) index_->erase(static_cast<std::uint32_t>(place));
    Item moved = std::exchange(change_at(place), std::move(item));
    if (index_ != nullptr) index_->insert(static_cast<std::uint32_t>(place));
    append(std::move(moved));
  }

  /// Those that are stored by themselves; null: it is small.
  Pieces* pieces() { return large_ == nullptr ? nullptr : &large_->pieces; }

  /// O(n).
  std::size_t heap_bytes() const {
    std::size_t bytes = first_.capacity() * sizeof(Item);
    if (large_ != nullptr) bytes += large_->heap_bytes();
    if (index_ != nullptr) bytes += sizeof(Index) + index_->heap_bytes();
    for (std::size_t i = 0; i < size(); ++i) bytes += at(i).heap_bytes();
    return bytes;
  }

 private:
  using Index = PlaceIndex<DenseTable>;
  using Piece = std::vector<Item>;

  /// What is behind the first piece, and when all of them changed.
  struct Large {
    Large() { pieces.added(); }  // the first
    Item& operator[](std::size_t place) {
      return behind[place / piece_items - 1][place % piece_items];
    }
    void append(Item item) {
      if (size % piece_items == 0) {
        behind.emplace_back().reserve(piece_items);
        pieces.added();
      } else {
        pieces.changing(size / piece_items);
      }
      behind.back().push_back(std::move(item));
      ++size;
    }
    void pop() {
      pieces.changing((size - 1) / piece_items);
      behind.back().pop_back();
      --size;
      if (!behind.back().empty()) return;
      behind.pop_back();
      pieces.removed();
    }
    std::size_t heap_bytes() const {
      return sizeof(Large) + behind.capacity() * sizeof(Piece) +
             behind.size() * piece_items * sizeof(Item) + pieces.heap_bytes();
    }

    std::size_t size = piece_items;
    std::vector<Piece> behind;
    Pieces pieces;
  };

  Item& item(std::size_t place) { return place < piece_items ? first_[place] : (*large_)[place]; }

  void build_index() {
    index_ = std::make_unique<Index>(*this);
    for (std::uint32_t i = 0; i < size(); ++i) index_->insert(i);
  }

  void become_small() {
    large_->pieces.become_small();
    large_.reset();
    build_index();  // it may have been large
  }

  std::vector<Item> first_;
  std::unique_ptr<Large> large_;
  std::unique_ptr<Index> index_;
};

}  // namespace holdfast
