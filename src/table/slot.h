// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/small_string.h"
#include "value/value.h"

namespace holdfast::table {

/// The hash that places a key: the same on every node and in every process.
std::uint64_t hash_of(std::string_view key);

/// This many top bits of a hash say which slot of a table a key lies in.
inline constexpr int slot_bits = 10;

struct Entry {
  SmallString key;
  Value value;
  std::uint64_t version = 0;
  std::uint32_t epoch = 0;     // in which it last changed; 0: as the store has it
  bool expires = false;        // Table's expiry index has it
  bool stored = false;         // a row of it may be in the store
  bool expiry_stored = false;  // and one of its expiry
  bool used = false;           // since an eviction last came by
};
static_assert(sizeof(Entry) == 56);

/// The part of a table whose hashes share their top bits: entries in chunks,
/// found over an open-addressed index of 32-bit cells (12 bits of the hash and
/// a 20-bit place). An insertion moves no entry, an erasure the last one.
///
/// Cells lie in the order of their hashes but for what probing displaced, so
/// that a scan in hash order touches only what it visits.
class Slot {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  static constexpr std::size_t entries_max = (1U << 20) - 2;

  Slot() = default;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { clear(); }

  std::size_t size() const { return size_; }
  Entry& at(std::size_t place) { return *entry_at(place); }
  const Entry& at(std::size_t place) const { return *entry_at(place); }

  /// The key's place, or `none`. O(1).
  std::uint32_t find(std::string_view key, std::uint64_t hash) const;
  /// Brings what find() will read towards the caches: the index,
  void prefetch(std::uint64_t hash) const {
    if (!cells_.empty()) __builtin_prefetch(&cells_[home_of(hash)]);
  }
  /// once that has come, the entry, and once that has come, what hangs on it.
  void prefetch_entry(std::uint64_t hash) const;
  void prefetch_content(std::uint64_t hash) const;
  void prefetch_item(std::uint64_t hash, std::string_view item) const;

  struct Met {
    std::uint64_t hash;
    std::uint32_t place;
  };
  /// Appends, in no order, the entries with hashes from `from` to what it
  /// returns: `wanted` or a few more of them, or all to the slot's last hash.
  /// What it returns ends in 22 one bits.
  std::uint64_t collect(std::uint64_t from, std::size_t wanted, std::vector<Met>& met) const;

  /// The key must not be there. O(1) amortised.
  std::uint32_t insert(Entry entry, std::uint64_t hash);
  /// Moves the last entry into the gap. O(1) amortised.
  void erase(std::uint32_t place, std::uint64_t hash);

  /// Makes the index for so many. Due before keys come in the order of their
  /// hashes: at first their cells would all be the same few.
  void reserve(std::size_t entries);
  /// Gives back what the index holds beyond need.
  void shrink();
  void clear();

  /// Bytes of the arrays, not of what hangs on the entries. O(1).
  std::size_t array_bytes() const {
    return chunks_.size() * sizeof(Chunk) + room_of(chunks_.size()) * sizeof(Entry) +
           cells_.capacity() * sizeof(std::uint32_t);
  }

 private:
  // Chunks hold 4, 4, 8, 16 and then 32 entries each: little is left unused in
  // a small table, and in a large one the array of chunks stays in the caches.
  using Chunk = std::unique_ptr<std::byte[]>;
  static constexpr std::size_t first_entries = 4;
  static constexpr std::size_t chunk_entries = 32;
  static constexpr std::size_t small_chunks = 4;
  static std::size_t room_of(std::size_t chunks) {
    if (chunks == 0) return 0;
    if (chunks <= small_chunks) return first_entries << (chunks - 1);
    return (chunks - small_chunks + 1) * chunk_entries;
  }
  Entry* entry_at(std::size_t place) const {
    std::size_t chunk;
    std::size_t in_chunk;
    if (place >= chunk_entries) {
      chunk = small_chunks - 1 + place / chunk_entries;
      in_chunk = place % chunk_entries;
    } else {
      chunk = static_cast<std::size_t>(std::bit_width(place | (first_entries - 1))) - 2;
      in_chunk = place - room_of(chunk);
    }
    return std::launder(reinterpret_cast<Entry*>(chunks_[chunk].get()) + in_chunk);
  }

  static constexpr std::uint32_t place_mask = (1U << 20) - 1;
  static constexpr std::uint32_t empty = 0xFFFFFFFF;
  static constexpr std::uint32_t erased = 0xFFFFFFFE;
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash) << 20; }
  // Grows with the hash. The tag's bits are others.
  std::size_t home_of(std::uint64_t hash) const {
    return ((hash << slot_bits >> 32) * cells_.size()) >> 32;
  }
  std::size_t after(std::size_t cell) const { return cell + 1 == cells_.size() ? 0 : cell + 1; }
  /// Of the first that may have this hash, nearly always the one; nullptr: none has.
  const Entry* likely_entry(std::uint64_t hash) const;
  std::size_t cell_of(std::uint32_t place, std::uint64_t hash) const;
  void put_cell(std::uint32_t place, std::uint64_t hash);
  void index_for(std::size_t entries);

  std::vector<Chunk> chunks_;
  std::vector<std::uint32_t> cells_;
  std::uint32_t size_ = 0;
  std::uint32_t used_cells_ = 0;  // those of entries and those erased
};

}  // namespace holdfast::table
