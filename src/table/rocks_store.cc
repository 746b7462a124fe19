// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <unistd.h>

#include <filesystem>

#include "base/assert.h"
#include "table/store.h"

namespace holdfast {
namespace {

constexpr std::string_view family_names[family_count] = {"meta", "table", "ids", "open"};
constexpr std::size_t cache_bytes = 64_MiB;
constexpr int bloom_bits_per_key = 10;
constexpr std::string_view aside = "checkpoint-";  // files being made, in the store's folder

rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const rocksdb::Slice& text) {
  return {text.data(), text.size()};
}

tl::unexpected<Error> failure(const rocksdb::Status& status, std::string_view what) {
  const Code code = status.IsCorruption() ? Code::corrupt
                    : status.IsNoSpace()  ? Code::no_space
                                          : Code::io;
  return fail(code, fmt::format("{}: {}", what, status.ToString()));
}

/// The least key that no key with this prefix reaches; empty: there is none.
std::string end_of_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

class RocksStore final : public Store {
 public:
  static Result<std::unique_ptr<Store>> open(const std::string& directory);
  ~RocksStore() override {
    for (auto* family : families_) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }

  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    std::string value;
    const auto status = db_->Get(read_options_, of(family), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return failure(status, "reading the checkpoint");
    return std::optional(std::move(value));
  }

  Status scan(
      Family family, std::string_view prefix, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    rocksdb::ReadOptions options = read_options_;
    options.readahead_size = 1_MiB;
    const std::string end = end_of_prefix(prefix);
    const rocksdb::Slice bound(end);
    if (!end.empty()) options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, of(family)));
    for (it->Seek(slice(std::max(prefix, from))); it->Valid(); it->Next()) {
      if (!each(view(it->key()), view(it->value()))) return {};
    }
    if (!it->status().ok()) return failure(it->status(), "walking the checkpoint");
    return {};
  }

  Status commit(CheckpointRows rows) override;

  std::uint64_t bytes_on_disk() const override {
    std::uint64_t bytes = 0;
    for (auto* family : families_) {
      std::uint64_t one = 0;
      db_->GetIntProperty(family, rocksdb::DB::Properties::kTotalSstFilesSize, &one);
      bytes += one;
    }
    return bytes;
  }

 private:
  rocksdb::ColumnFamilyHandle* of(Family family) const {
    return families_[static_cast<std::size_t>(family)];
  }
  Result<std::optional<std::string>> write_file(Family family, CheckpointRows& rows);

  std::string directory_;
  rocksdb::Options options_;
  rocksdb::ReadOptions read_options_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  std::uint64_t next_file_ = 0;
};

rocksdb::Options store_options() {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(bloom_bits_per_key));
  table.cache_index_and_filter_blocks = true;  // bounded by the cache, however many keys
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  rocksdb::Options options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.compression = rocksdb::kLZ4Compression;
  options.max_background_jobs = 1;  // the state's thread has the other core
  options.max_open_files = 512;
  options.write_buffer_size = 1_MiB;  // nothing is written through memtables
  options.keep_log_file_num = 2;
  options.max_log_file_size = 4_MiB;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.atomic_flush = true;
  return options;
}

Result<std::unique_ptr<Store>> RocksStore::open(const std::string& directory) {
  auto store = std::make_unique<RocksStore>();
  store->directory_ = directory;
  store->options_ = store_options();
  store->read_options_.verify_checksums = true;

  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(Code::io, fmt::format("{}: {}", directory, error.message()));
  // What a commit that did not end has left.
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().filename().string().starts_with(aside)) {
      std::filesystem::remove(entry.path(), error);
    }
  }

  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, store->options_);
  for (const std::string_view name : family_names) {
    descriptors.emplace_back(std::string(name), store->options_);
  }
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const auto status = rocksdb::DB::Open(store->options_, directory, descriptors, &handles, &db);
  if (!status.ok()) return failure(status, "opening the checkpoint in " + directory);
  store->db_.reset(db);
  db->DestroyColumnFamilyHandle(handles.front()).PermitUncheckedError();
  store->families_.assign(handles.begin() + 1, handles.end());
  return store;
}

Result<std::optional<std::string>> RocksStore::write_file(Family family, CheckpointRows& rows) {
  auto& changed = rows.rows(family);
  const auto& prefixes = rows.erased_prefixes(family);
  if (changed.empty() && prefixes.empty()) return std::nullopt;
  sort_rows(changed);
  const std::string path = fmt::format("{}/{}{}.sst", directory_, aside, next_file_++);
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options_, of(family));
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

Status RocksStore::commit(CheckpointRows rows) {
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
    arg.column_family = families_[i];
    arg.external_files = {**path};
    arg.options.move_files = true;
    arg.options.snapshot_consistency = false;
    arg.options.write_global_seqno = false;
    args.push_back(std::move(arg));
  }
  if (args.empty()) return {};
  // One manifest write takes all families' files in: whole or not at all.
  const auto status = db_->IngestExternalFiles(args);
  remove_files();
  if (!status.ok()) return failure(status, "taking the checkpoint in");
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocks_store(const std::string& directory) {
  return RocksStore::open(directory);
}

}  // namespace holdfast
