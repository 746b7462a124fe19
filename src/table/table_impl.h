// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/btree_set.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/string_hash.h"
#include "table/disposal.h"
#include "table/slot.h"
#include "table/table.h"
#include "value/stored.h"

namespace holdfast {

/// A table's insides, shared by table.cc (reading and changing), walk.cc and
/// checkpoint.cc.
///
/// Epochs tell what the store has. `epoch_` grows with every checkpoint begun;
/// a change marks its entry with it. Everything up to `committed_` is in the
/// store. So a failed checkpoint needs no undoing, and nothing is listed.
struct Table::Impl {
  using Slot = table::Slot;
  using Entry = table::Entry;
  static constexpr std::size_t slot_count = std::size_t{1} << table::slot_bits;

  Impl(KeyspaceId keyspace_id, Store& the_store);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  struct Place {
    std::size_t slot;
    std::uint32_t at;
    bool found() const { return at != Slot::none; }
  };
  static std::size_t slot_of(std::uint64_t hash) { return hash >> (64 - table::slot_bits); }
  Place find(std::string_view key, std::uint64_t hash) const {
    const std::size_t slot = slot_of(hash);
    return {slot, slots.empty() ? Slot::none : slots[slot].find(key, hash)};
  }
  Entry& entry(Place place) { return slots[place.slot].at(place.at); }

  // -- table.cc
  /// Where the key is; read into memory first when only the store has it.
  Place locate(std::string_view key, std::uint64_t hash);
  Place insert(std::string_view key, std::uint64_t hash, Value value);
  /// Makes a slot's index for so many keys.
  void reserve(std::size_t slot, std::size_t keys);
  void remove(Place place, std::uint64_t hash, Undo* undo);
  /// Call before an entry changes: a checkpoint being written gets it as it is.
  void before_change(Place place);
  void mark_changed(Place place, std::uint64_t version);
  bool expired(const Entry& entry, Instant now) const;
  bool expired_cold(std::string_view key, Instant now) const;
  // By time. Of many keys of one time a hash, the same in every process, finds one without a look
  // at the others' texts.
  struct DueName {
    std::int64_t at;
    std::uint64_t hash;
    std::string_view key;
    auto operator<=>(const DueName&) const = default;
  };
  struct Due {
    std::int64_t at;
    std::uint64_t hash;
    std::string key;
    DueName name() const { return {at, hash, key}; }
  };
  struct Sooner {
    using is_transparent = void;
    static DueName name_of(const Due& due) { return due.name(); }
    static DueName name_of(const DueName& name) { return name; }
    bool operator()(const auto& a, const auto& b) const { return name_of(a) < name_of(b); }
  };
  // When a key expires, and where it stands in by_expiry: there or before. An expiry that is put
  // off, as each use of a session does, leaves it where it stands until that time comes.
  struct Expiry {
    std::int64_t at;
    std::int64_t due;
  };
  void add_expiry(std::string_view key, std::int64_t at);
  void change_expiry(std::string_view key, std::int64_t at);
  void add_due(std::string_view key, std::int64_t at);
  void drop_due(std::string_view key, std::int64_t at);
  void drop_expiry(std::string_view key);
  /// Has what stands in by_expiry up to `until` stand where it expires; looks at `max` at most.
  void settle_due(std::int64_t until, std::size_t max = std::numeric_limits<std::size_t>::max());
  /// Counts again what the last change() may have grown or shrunk.
  void settle();
  /// Somebody is about to change the entry's value; settle() counts it again.
  void change_in_place(Place place);
  std::optional<std::int64_t> expiry_of(const Entry& entry) const;
  std::optional<Value> read_row(std::string_view key, std::uint64_t hash, std::uint64_t& version);
  bool store_hides(std::string_view key) const;
  static void must(const Status& read);
  static std::size_t entry_bytes(const Entry& entry);

  // -- walk.cc
  /// Slot::collect() over as many slots as it takes; all of them end at the
  /// greatest hash.
  std::uint64_t collect(std::uint64_t from, std::size_t wanted, std::vector<Slot::Met>& met) const;
  std::uint64_t digest_of(std::string_view key, const Value& value) const;

  // -- checkpoint.cc
  bool encoding() const { return frozen != 0 && next_slot < slot_count; }
  bool to_encode(const Entry& entry) const {
    return entry.epoch > committed && entry.epoch <= frozen;
  }
  void encode(Entry& entry, CheckpointRows& rows);
  std::size_t encode_slot(Slot& slot, CheckpointRows& rows);
  /// True when all that were erased are encoded; counts them.
  bool encode_gone(CheckpointRows& rows, std::size_t& encoded, std::size_t max);
  /// Keys that are in the store only, in the order of their hashes from `from`.
  Status scan_cold(std::uint64_t from,
                   const std::function<bool(std::uint64_t hash, std::string_view key,
                                            std::string_view row)>& each);

  // -- pieces.cc
  /// A value leaves the table.
  void let_go(Value value);
  /// It was made elsewhere, or for another key.
  void is_new_here(Value& value);
  /// What the row, behind its version, stands for; asks the store for pieces.
  Result<Value> value_of(std::string_view key, std::uint64_t hash, std::string_view row);
  /// The same of a whole row. Ends the process where it cannot be read.
  Value value_of_row(std::string_view key, std::uint64_t hash, std::string_view row);
  /// The value's row, but for its version; its pieces are to follow.
  void encode_value(Entry& entry, std::string& out, CheckpointRows& rows);
  void erase_pieces(std::string_view key, std::uint64_t hash, CheckpointRows& rows);
  std::size_t encode_pieces(CheckpointRows& rows, std::size_t max);
  void end_pieces(bool are_stored);

  KeyspaceId keyspace;
  Store& store;
  Disposal* disposal = nullptr;  // null: everything is freed at once
  std::vector<Slot> slots;       // none before the first key
  std::size_t in_memory = 0;
  std::size_t cold = 0;                  // live keys that are in the store only
  std::size_t bytes = 0;                 // of all entries and arrays
  std::optional<Place> unsettled_place;  // change() gave it away
  std::size_t unsettled_bytes = 0;

  // Every key with an expiry, in memory or not.
  StringMap<Expiry> expiries;
  absl::btree_set<Due, Sooner> by_expiry;
  // What stands there before this time and hash stands where it expires.
  std::pair<std::int64_t, std::uint64_t> due_settled{std::numeric_limits<std::int64_t>::min(), 0};
  std::size_t expiry_bytes = 0;  // of both

  // Keys erased whose rows are still in the store, and whether an expiry row
  // is too: since the last checkpoint began, and before that.
  using Gone = StringMap<bool>;
  Gone gone;
  Gone frozen_gone;
  Gone::const_iterator next_gone = frozen_gone.end();  // to be encoded

  std::uint32_t epoch = 1;
  std::uint32_t committed = 0;
  std::uint32_t frozen = 0;      // the epoch that a checkpoint under way includes; 0: none
  std::uint32_t cleared_in = 0;  // the epoch of the last clear()
  bool wipe_frozen = false;      // that checkpoint begins by erasing every row
  std::size_t next_slot = slot_count;
  CheckpointRows early;            // encoded ahead of their slot, because they changed
  std::uint64_t frozen_count = 0;  // live keys at the moment of the checkpoint
  bool count_left = false;         // whose row is still to be written

  // Of every large value that the store has, but for those never read: the numbers of its pieces
  // there are less. What a checkpoint under way takes away counts until it is committed.
  StringMap<std::uint32_t> piece_rows;
  std::vector<std::pair<std::string, std::uint32_t>> fewer_pieces;  // once it is
  class FrozenPieces;
  std::vector<std::unique_ptr<FrozenPieces>> frozen_pieces;  // large values still to be encoded

  std::size_t evict_slot = 0;  // the clock's hand
  bool nothing_clean = false;  // an eviction found no more, and none came since
};

namespace table {

// Row keys of Family::table: docs/formats/checkpoint.md.
std::string value_row_key(KeyspaceId keyspace, std::uint64_t hash, std::string_view key);
std::string expiry_row_key(KeyspaceId keyspace, std::string_view key);
std::string count_row_key(KeyspaceId keyspace);
std::string piece_rows_prefix(KeyspaceId keyspace, std::uint64_t hash, std::string_view key);
std::string piece_row_key(std::string_view prefix, std::size_t piece);
/// Undoes it.
std::uint32_t piece_of_row(std::string_view prefix, std::string_view row);
std::string value_rows_prefix(KeyspaceId keyspace);
std::string expiry_rows_prefix(KeyspaceId keyspace);

}  // namespace table
}  // namespace holdfast
