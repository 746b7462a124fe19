// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "base/logging.h"
#include "table/rocks_database.h"
#include "table/rocks_store.h"
#include "table/store.h"

namespace holdfast {

using table::failure;
using Reading = table::RocksDatabase::Reading;

namespace {

constexpr std::size_t level0_files_max = 40;       // of a family, at which commits wait
constexpr std::string_view aside = "checkpoint-";  // files being made, in the store's folder

rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const rocksdb::Slice& text) {
  return {text.data(), text.size()};
}

/// The least key that no key with this prefix reaches; empty: there is none.
std::string end_of_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

class RocksSnapshot final : public StoreSnapshot {
 public:
  RocksSnapshot(std::shared_ptr<table::Pinned> pinned, std::uint64_t rows_estimate)
      : pinned_(std::move(pinned)), rows_estimate_(rows_estimate) {}
  ~RocksSnapshot() override { pinned_->drop(); }
  RocksSnapshot(const RocksSnapshot&) = delete;
  RocksSnapshot& operator=(const RocksSnapshot&) = delete;

  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    std::optional<std::string> found;
    const Status scanned = scan(family, key, [&](std::string_view at, std::string_view value) {
      if (at == key) found.emplace(value);
      return false;
    });
    if (!scanned) return tl::unexpected(scanned.error());
    return found;
  }

  Status scan(
      Family family, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    const std::lock_guard lock(pinned_->mutex);
    rocksdb::Iterator* const it = pinned_->families[static_cast<std::size_t>(family)].get();
    if (it == nullptr) return fail(Code::io, "the checkpoint was closed while it was read");
    if (!it->Valid() || view(it->key()) != from) it->Seek(slice(from));
    for (; it->Valid(); it->Next()) {
      if (!each(view(it->key()), view(it->value()))) return {};
    }
    if (!it->status().ok()) return failure(it->status(), "walking the checkpoint");
    return {};
  }

  std::uint64_t rows_estimate() const override { return rows_estimate_; }

 private:
  std::shared_ptr<table::Pinned> pinned_;
  std::uint64_t rows_estimate_;
};

class RocksStore final : public Store {
 public:
  RocksStore(const std::string& directory, const std::shared_ptr<rocksdb::FileSystem>& files)
      : directory_(directory), database_(directory, files) {
    read_options_.verify_checksums = true;
  }
  Status open();

  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    const Reading reading(database_);
    if (database_.db() == nullptr) return closed();
    std::string value;
    const auto status =
        database_.db()->Get(read_options_, database_.family(family), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return failure(status, "reading the checkpoint");
    return std::optional(std::move(value));
  }

  Status scan(
      Family family, std::string_view prefix, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    const Reading reading(database_);
    if (database_.db() == nullptr) return closed();
    rocksdb::ReadOptions options = read_options_;
    options.adaptive_readahead = true;
    const std::string end = end_of_prefix(prefix);
    const rocksdb::Slice bound(end);
    if (!end.empty()) options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> it(
        database_.db()->NewIterator(options, database_.family(family)));
    for (it->Seek(slice(std::max(prefix, from))); it->Valid(); it->Next()) {
      if (!each(view(it->key()), view(it->value()))) return {};
    }
    if (!it->status().ok()) return failure(it->status(), "walking the checkpoint");
    return {};
  }

  Status commit(CheckpointRows rows) override;

  Result<std::unique_ptr<StoreSnapshot>> snapshot() override {
    const Reading reading(database_);
    if (database_.db() == nullptr) return closed();
    rocksdb::ReadOptions options = read_options_;
    options.fill_cache = false;  // it is read once, and the owner's reads need the cache
    options.background_purge_on_iterator_cleanup = true;
    const std::lock_guard lock(taking_in_);
    auto pinned = database_.pin(options);
    if (!pinned) return tl::unexpected(pinned.error());
    std::uint64_t rows = 0;
    for (std::size_t i = 0; i < family_count; ++i) {
      std::uint64_t one = 0;
      database_.db()->GetIntProperty(database_.family(static_cast<Family>(i)),
                                     rocksdb::DB::Properties::kEstimateNumKeys, &one);
      rows += one;
    }
    return std::make_unique<RocksSnapshot>(std::move(*pinned), rows);
  }

  std::uint64_t bytes_on_disk() const override {
    const Reading reading(database_);
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; database_.db() != nullptr && i < family_count; ++i) {
      std::uint64_t one = 0;
      database_.db()->GetIntProperty(database_.family(static_cast<Family>(i)),
                                     rocksdb::DB::Properties::kTotalSstFilesSize, &one);
      bytes += one;
    }
    return bytes;
  }

 private:
  static tl::unexpected<Error> closed() {
    return fail(Code::io, "the checkpoint could not be opened again after an error");
  }
  void keep_files_few();
  Result<std::optional<std::string>> write_file(Family family, CheckpointRows& rows);

  std::string directory_;
  mutable table::RocksDatabase database_;
  rocksdb::ReadOptions read_options_;
  std::mutex taking_in_;  // held while families change one after the other
  std::uint64_t next_file_ = 0;
};

Status RocksStore::open() {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error) return fail(Code::io, fmt::format("{}: {}", directory_, error.message()));
  // What a commit that did not end has left; and RocksDB's own logs, which stay
  // empty here, and of which it would leave one more after every start.
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    const bool empty_log = entry.path().extension() == ".log" && entry.file_size(error) == 0;
    if (empty_log || entry.path().filename().string().starts_with(aside)) {
      std::filesystem::remove(entry.path(), error);
    }
  }
  return database_.open();
}

Result<std::optional<std::string>> RocksStore::write_file(Family family, CheckpointRows& rows) {
  auto& changed = rows.rows(family);
  const auto& prefixes = rows.erased_prefixes(family);
  if (changed.empty() && prefixes.empty()) return std::nullopt;
  sort_rows(changed);
  const std::string path = fmt::format("{}/{}{}.sst", directory_, aside, next_file_++);
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(database_.options()), database_.options(),
                                database_.family(family));
  auto status = writer.Open(path);
  // A row in one file with the range erasure that covers it is the newer.
  for (std::size_t i = 0; status.ok() && i < prefixes.size(); ++i) {
    status = writer.DeleteRange(slice(prefixes[i]), slice(end_of_prefix(prefixes[i])));
  }
  for (std::size_t i = 0; status.ok() && i < changed.size(); ++i) {
    status = changed[i].value ? writer.Put(slice(changed[i].key), slice(*changed[i].value))
                              : writer.Delete(slice(changed[i].key));
  }
  if (status.ok()) status = writer.Finish();
  if (!status.ok()) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return failure(status, "writing the checkpoint file " + path);
  }
  return path;
}

// Files taken in do not wait for compaction, as writes would: where checkpoints
// follow each other faster than it keeps up, they do so here.
void RocksStore::keep_files_few() {
  for (std::size_t i = 0; i < family_count; ++i) {
    auto* const family = database_.family(static_cast<Family>(i));
    std::string files;
    database_.db()->GetProperty(family, rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0",
                                &files);
    if (std::strtoul(files.c_str(), nullptr, 10) < level0_files_max) continue;
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    const auto status = database_.db()->CompactRange(options, family, nullptr, nullptr);
    if (!status.ok()) logging::warning("compacting the checkpoint: {}", status.ToString());
  }
}

Status RocksStore::commit(CheckpointRows rows) {
  if (Status ready = database_.make_ready(); !ready) return ready;
  keep_files_few();
  rows.complete();
  std::vector<rocksdb::IngestExternalFileArg> args;
  const auto remove_files = [&args] {
    std::error_code ignored;
    for (const auto& arg : args) std::filesystem::remove(arg.external_files[0], ignored);
  };
  for (std::size_t i = 0; i < family_count; ++i) {
    const auto path = write_file(static_cast<Family>(i), rows);
    if (!path) {
      remove_files();
      return tl::unexpected(path.error());
    }
    if (!*path) continue;
    rocksdb::IngestExternalFileArg arg;
    arg.column_family = database_.family(static_cast<Family>(i));
    arg.external_files = {**path};
    arg.options.move_files = true;
    arg.options.snapshot_consistency = false;
    arg.options.write_global_seqno = false;
    args.push_back(std::move(arg));
  }
  if (args.empty()) return {};
  // Compaction may have failed meanwhile.
  if (Status ready = database_.is_ready(); !ready) {
    remove_files();
    return ready;
  }
  // One manifest write takes all families' files in: whole or not at all.
  const auto status = [&] {
    const std::lock_guard lock(taking_in_);
    return database_.db()->IngestExternalFiles(args);
  }();
  remove_files();
  if (!status.ok()) return failure(status, "taking the checkpoint in");
  database_.committed();
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> table::open_rocks_store(
    const std::string& directory, const std::shared_ptr<rocksdb::FileSystem>& files) {
  auto store = std::make_unique<RocksStore>(directory, files);
  if (Status opened = store->open(); !opened) return tl::unexpected(opened.error());
  return store;
}

Result<std::unique_ptr<Store>> open_rocks_store(const std::string& directory) {
  return table::open_rocks_store(directory, rocksdb::FileSystem::Default());
}

}  // namespace holdfast
