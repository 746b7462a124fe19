// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "value/pack.h"

namespace holdfast {

/// A sequence of byte strings, items 0 … size()-1. Pushing and popping at the ends is O(1)
/// amortised, an item is found by its index in O(log n); a change in the middle is O(n) over
/// some hundreds. It lies in packs of about 8 KiB: no change moves more than one of them and a
/// word for each.
class List {
 public:
  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  /// A copy of all items.
  std::unique_ptr<List> clone() const;

  std::size_t size() const { return size_; }
  /// The view lives until the list changes, and as long as `room`.
  std::string_view at(std::size_t index, IntegerText& room) const;

  /// Calls `each` with up to `n` items from that index on, until it answers false. O(log size + n).
  using Visit = absl::FunctionRef<bool(std::size_t index, std::string_view item)>;
  void walk(std::size_t from, std::size_t n, Visit each) const;
  /// The same towards the front.
  void walk_back(std::size_t from, std::size_t n, Visit each) const;

  void push_front(std::string_view item) { insert(0, item); }
  void push_back(std::string_view item) { insert(size_, item); }
  /// So that the item has that index, at most size().
  void insert(std::size_t index, std::string_view item);
  void set(std::size_t index, std::string_view item);
  /// `n` items from that index on, which must be there.
  void erase(std::size_t index, std::size_t n = 1);
  /// These, in growing order. O(n), however many.
  void erase_all(std::span<const std::size_t> indexes);

  /// O(1).
  std::size_t heap_bytes() const { return chunks_.capacity() * sizeof(Chunk) + packed_bytes_; }

 private:
  // Where a chunk begins is counted from where the first item ever lay: nothing but the end
  // that changes is renumbered.
  struct Chunk {
    Pack pack;
    std::int64_t first = 0;
  };
  std::int64_t origin() const { return chunks_[front_].first; }
  std::size_t chunk_of(std::size_t index) const;
  std::size_t place_in(std::size_t chunk, std::size_t index) const {
    return static_cast<std::size_t>(origin() + static_cast<std::int64_t>(index) -
                                    chunks_[chunk].first);
  }
  template <typename Change>
  void change(std::size_t chunk, Change what);
  std::size_t add_chunk(std::size_t at, std::int64_t first);
  void remove_chunks(std::size_t from, std::size_t n);
  void shift(std::size_t chunk, std::int64_t by);
  std::pair<std::size_t, std::size_t> make_room(std::size_t chunk, std::size_t place,
                                                std::string_view item);
  void insert_item(std::size_t index, std::string_view item);
  void erase_items(std::size_t index, std::size_t n);
  void join(std::size_t chunk);
  void record_erased(std::size_t index);

  std::vector<Chunk> chunks_;
  std::size_t front_ = 0;  // those before it are room for more
  std::size_t size_ = 0;
  std::size_t packed_bytes_ = 0;  // of all blocks
};

}  // namespace holdfast
