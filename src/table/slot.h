// SPDX-License-Identifier: Apache-2.0
#pragma once

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

struct Entry {
  SmallString key;
  Value value;
  std::uint64_t version = 0;
  std::uint32_t epoch = 0;     // in which it last changed; 0: as the store has it
  bool expires = false;        // Table's expiry index has it
  bool stored = false;         // a row of it may be in the store
  bool expiry_stored = false;  // and one of its expiry
};
static_assert(sizeof(Entry) == 56);

/// The part of a table whose hashes share their top bits: entries in small
/// chunks, found over an open-addressed index of 32-bit cells (12 bits of the
/// hash and a 20-bit place). An entry stays where it is until one is erased,
/// and little room is left unused.
class Slot {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  static constexpr std::size_t entries_max = (1U << 20) - 2;

  Slot() = default;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { clear(); }

  std::size_t size() const { return size_; }
  Entry& at(std::size_t place) { return *chunks_[place / chunk_entries]->at(place); }
  const Entry& at(std::size_t place) const { return *chunks_[place / chunk_entries]->at(place); }

  /// The key's place, or `none`. O(1).
  std::uint32_t find(std::string_view key, std::uint64_t hash) const;
  /// Brings what find() will read towards the caches: the index,
  void prefetch(std::uint64_t hash) const {
    if (!cells_.empty()) __builtin_prefetch(&cells_[home_of(hash)]);
  }
  /// and, once that has come, the entry.
  void prefetch_entry(std::uint64_t hash) const;

  /// The key must not be there. O(1) amortised.
  std::uint32_t insert(Entry entry, std::uint64_t hash);
  /// Moves the last entry into the gap. O(1).
  void erase(std::uint32_t place, std::uint64_t hash);

  /// Gives back what the index holds beyond need.
  void shrink();
  void clear();

  /// Bytes of the arrays, not of what hangs on the entries. O(1).
  std::size_t array_bytes() const {
    return chunks_.size() * (sizeof(Chunk) + sizeof(void*)) +
           cells_.capacity() * sizeof(std::uint32_t);
  }

 private:
  static constexpr std::size_t chunk_entries = 8;
  struct Chunk {
    Entry* at(std::size_t place) {
      return std::launder(reinterpret_cast<Entry*>(bytes) + place % chunk_entries);
    }
    alignas(Entry) std::byte bytes[chunk_entries * sizeof(Entry)];
  };

  static constexpr std::uint32_t place_mask = (1U << 20) - 1;
  static constexpr std::uint32_t empty = 0xFFFFFFFF;
  static std::uint32_t tag_of(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32) << 20;
  }
  std::size_t home_of(std::uint64_t hash) const { return hash & (cells_.size() - 1); }
  std::size_t cell_of(std::uint32_t place, std::uint64_t hash) const;
  void put_cell(std::uint32_t place, std::uint64_t hash);
  void index_with(std::size_t cells);

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> cells_;  // a power of two, at most three quarters full
};

}  // namespace holdfast::table
