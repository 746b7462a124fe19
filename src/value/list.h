// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/btree_set.h>
#include <absl/functional/function_ref.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "value/pack.h"
#include "value/pieces.h"

namespace holdfast {

/// A sequence of byte strings, items 0 … size()-1. Pushing and popping at the ends is O(1)
/// amortised, an item is found by its index in O(log n); a change in the middle is O(n) over
/// some hundreds. It lies in packs of about 8 KiB: no change moves more than one of them and a
/// word for each. Where there are several, each is a piece that is stored by itself; its number
/// stays, whatever happens before and behind it.
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

  // -- In pieces. What a piece holds is its items and which piece comes next, so that their order
  // needs no writing of its own.
  /// By their numbers, of which some may be free; null: there is one at most. The last is not free.
  Pieces* pieces() { return large_ == nullptr ? nullptr : &large_->pieces; }
  struct Piece {
    const Pack& pack;
    std::uint32_t next;  // its own number: it is the last
  };
  /// Nothing: the number is free. O(1) for the neighbour of the one asked for or changed last;
  /// otherwise O(pieces between).
  std::optional<Piece> piece(std::uint32_t number) const;
  std::uint32_t first_piece() const;
  /// How many there are, those that are free included.
  std::uint32_t piece_numbers() const;
  struct Numbered {
    std::uint32_t number;
    Pack pack;
  };
  /// Of its pieces, at least two, in the order of their items. No pack is empty.
  static std::unique_ptr<List> of(std::vector<Numbered> pieces);

  /// O(1).
  std::size_t heap_bytes() const;

 private:
  // Where a chunk begins is counted from where the first item ever lay: nothing but the end
  // that changes is renumbered.
  struct Chunk {
    Pack pack;
    std::int64_t first = 0;
  };
  // Of a list of several chunks.
  struct Large {
    std::size_t heap_bytes() const;

    std::size_t packed_bytes = 0;  // of all blocks
    Pieces pieces;
    std::vector<std::uint32_t> numbers;   // of the chunks, at their places
    absl::btree_set<std::uint32_t> free;  // numbers that no chunk has, less than the greatest
    mutable std::size_t sought_last = 0;  // the chunk
  };
  std::int64_t origin() const { return chunks_[front_].first; }
  std::size_t chunk_of(std::size_t index) const;
  std::size_t place_in(std::size_t chunk, std::size_t index) const {
    return static_cast<std::size_t>(origin() + static_cast<std::int64_t>(index) -
                                    chunks_[chunk].first);
  }
  template <typename Change>
  void recount(std::size_t chunk, Change what);
  template <typename Change>
  void change(std::size_t chunk, Change what);
  void changing(std::size_t chunk);
  std::size_t add_chunk(std::size_t at, std::int64_t first);
  void remove_chunks(std::size_t from, std::size_t n);
  void number_chunks();
  std::uint32_t take_number();
  void settle_numbers();
  void shift(std::size_t chunk, std::int64_t by);
  std::pair<std::size_t, std::size_t> make_room(std::size_t chunk, std::size_t place,
                                                std::string_view item);
  void insert_item(std::size_t index, std::string_view item);
  void erase_items(std::size_t index, std::size_t n);
  void join(std::size_t chunk);
  std::vector<bool> erase_in_place(std::span<const std::size_t> indexes);
  void record_erased(std::size_t index);

  std::vector<Chunk> chunks_;
  std::size_t front_ = 0;  // those before it are room for more
  std::size_t size_ = 0;
  std::unique_ptr<Large> large_;  // null: one chunk at most
};

}  // namespace holdfast
