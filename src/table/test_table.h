// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/units.h"
#include "table/store.h"
#include "table/table.h"

namespace holdfast {

/// A folder that goes with the test; in memory where there is one, for what is
/// tested is not the disk's speed.
struct Folder {
  Folder() {
    const std::filesystem::path memory = "/dev/shm";
    std::error_code none;
    const bool use_memory = std::filesystem::space(memory, none).available > 512_MiB && !none;
    const auto base = use_memory ? memory : std::filesystem::temp_directory_path();
    std::string name = (base / "holdfast-store-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path;
};

/// Counts what is read of another store, so that a test can say "this costs no
/// disk read".
class CountingStore final : public Store {
 public:
  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    ++reads;
    return store_->get(family, key);
  }
  Status scan(
      Family family, std::string_view prefix, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    ++scans;
    return store_->scan(family, prefix, from, each);
  }
  Status commit(CheckpointRows rows) override { return store_->commit(std::move(rows)); }
  std::uint64_t bytes_on_disk() const override { return 0; }

  int reads = 0;
  int scans = 0;

 private:
  std::unique_ptr<Store> store_ = make_memory_store();
};

inline std::string text_of(const Value& value) {
  IntegerText room;
  return std::string(value.text(room));
}

/// A whole checkpoint of one table; not committed, its commit failed.
inline Status checkpoint(Table& table, Store& store, bool committed = true) {
  CheckpointRows rows;
  table.begin_checkpoint();
  while (!table.checkpoint_slice(rows, 10)) {
  }
  Status status = committed ? store.commit(std::move(rows)) : Status();
  table.end_checkpoint(committed);
  return status;
}

}  // namespace holdfast
