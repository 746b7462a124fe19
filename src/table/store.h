// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace holdfast {

/// What a stored row belongs to; a RocksDB column family each.
enum class Family : std::uint8_t { meta, table, ids, open };
inline constexpr std::size_t family_count = 4;

/// Everything one checkpoint changes, gathered on the owner's thread in any
/// order; a later row of one key replaces an earlier one. Committed whole or
/// not at all. Movable; rows are views into memory of its own.
///
/// Rows of what changes no more can be left to the thread that commits: put_off().
class CheckpointRows {
 public:
  struct Row {
    std::string_view key;
    std::optional<std::string_view> value;  // nothing: erased
  };
  void put(Family family, std::string_view key, std::string_view value);
  void erase(Family family, std::string_view key);
  /// Erases every row whose key starts with `prefix` (of which a byte is not
  /// FF) and which is in the store before this commit; rows of this commit stay.
  void erase_prefix(Family family, std::string_view prefix);

  /// Has `make` put more rows, about so many bytes, when these are committed: on
  /// the thread that commits, so that it owns or shares what it reads. It may
  /// never be called.
  void put_off(std::size_t bytes, std::function<void(CheckpointRows&)> make);
  /// Puts what was put off. For stores, first of all in a commit.
  void complete();

  std::deque<Row>& rows(Family family) { return of(family).rows; }
  const std::vector<std::string>& erased_prefixes(Family family) { return of(family).prefixes; }
  /// With what was put off, if about.
  std::size_t bytes() const { return bytes_ + put_off_bytes_; }

 private:
  struct FamilyRows {
    std::deque<Row> rows;  // grows without moving what is there
    std::vector<std::string> prefixes;
  };
  FamilyRows& of(Family family) { return families_[static_cast<std::size_t>(family)]; }
  std::string_view keep(std::string_view bytes);

  FamilyRows families_[family_count];
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;  // what is left of the last block of the ordinary size
  std::size_t free_bytes_ = 0;
  std::size_t bytes_ = 0;
  std::vector<std::function<void(CheckpointRows&)>> put_off_;
  std::size_t put_off_bytes_ = 0;
};

/// Takes care that a dropped keyspace's rows, in every family, are erased.
void erase_keyspace(CheckpointRows& rows, KeyspaceId keyspace);
/// What the key of every row of a keyspace starts with: four bytes, big-endian,
/// so that keyspaces lie one after the other.
std::string keyspace_row_prefix(KeyspaceId keyspace);

/// For each key the last of its rows, in key order: what stores commit.
void sort_rows(std::deque<CheckpointRows::Row>& rows);

/// A checkpoint as it was at one moment, whatever is committed later. One thread
/// at a time, any. It keeps files on the disk, so it does not live long. When the
/// store is closed, or opened anew after an error of the disk, it ends: reads
/// answer kIo from then on.
class StoreSnapshot {
 public:
  virtual ~StoreSnapshot() = default;
  virtual Result<std::optional<std::string>> get(Family family, std::string_view key) = 0;
  /// Calls `each` in key order from `from` on until it returns false. Going on
  /// where a scan was left, with the row that `each` did not take, costs no
  /// search. `each` does not use the snapshot.
  virtual Status scan(
      Family family, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) = 0;
  /// About how many rows there are, to tell progress by.
  virtual std::uint64_t rows_estimate() const = 0;
};

/// The checkpoint on disk: reads see the last committed one, whole.
/// Threads: get and scan on the owner's thread, commit on any one other.
class Store {
 public:
  virtual ~Store() = default;
  virtual Result<std::optional<std::string>> get(Family family, std::string_view key) = 0;
  /// Calls `each` in key order for keys that start with `prefix`, from `from`
  /// on, until it returns false.
  virtual Status scan(
      Family family, std::string_view prefix, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) = 0;
  /// Atomic across families and durable when it returns. kNoSpace, kIo: the
  /// last checkpoint stands.
  virtual Status commit(CheckpointRows rows) = 0;
  virtual std::uint64_t bytes_on_disk() const = 0;
  /// The last committed checkpoint, to be read by another thread. On the owner's
  /// thread, which waits for the end of a commit whose files are just being taken
  /// in: one write of a manifest.
  virtual Result<std::unique_ptr<StoreSnapshot>> snapshot() {
    return fail(Code::unsupported, "this store gives no snapshots");
  }
};

/// RocksDB at `directory`: no write-ahead log; a checkpoint is a set of sorted
/// files made aside and taken in at once (IngestExternalFiles), which costs a
/// fraction of the memtable's way. kCorrupt names the damaged file.
Result<std::unique_ptr<Store>> open_rocks_store(const std::string& directory);

/// For tests and the simulator; all on one thread.
std::unique_ptr<Store> make_memory_store();

}  // namespace holdfast
