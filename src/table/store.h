// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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
/// not at all.
class CheckpointRows {
 public:
  struct Row {
    std::string key;
    std::optional<std::string> value;  // nothing: erased
  };
  void put(Family family, std::string key, std::string value);
  void erase(Family family, std::string key);
  std::vector<Row>& rows(Family family) { return rows_[static_cast<std::size_t>(family)]; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<Row> rows_[family_count];
  std::size_t bytes_ = 0;
};

/// The checkpoint on disk: reads see the last committed one, whole.
/// Threads: get and scan on the owner's thread, commit on any one other.
class Store {
 public:
  virtual ~Store() = default;
  virtual Result<std::optional<std::string>> get(Family family, std::string_view key) = 0;
  /// Calls `each` in key order for keys that start with `prefix`, from `from`
  /// on, until it returns false.
  virtual Status scan(Family family, std::string_view prefix, std::string_view from,
                      const std::function<bool(std::string_view key, std::string_view value)>&
                          each) = 0;
  /// Atomic across families and durable when it returns. kNoSpace, kIo: the
  /// last checkpoint stands.
  virtual Status commit(CheckpointRows rows) = 0;
  virtual std::uint64_t bytes_on_disk() const = 0;
};

/// RocksDB at `directory`: no write-ahead log; a checkpoint is a set of sorted
/// files made aside and taken in at once (IngestExternalFiles), which costs a
/// fraction of the memtable's way. kCorrupt names the damaged file.
Result<std::unique_ptr<Store>> open_rocks_store(const std::string& directory);

/// For tests and the simulator.
std::unique_ptr<Store> make_memory_store();

}  // namespace holdfast
