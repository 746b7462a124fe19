// SPDX-License-Identifier: Apache-2.0
#include "table/rocks_database.h"

#include <fmt/format.h>
#include <rocksdb/sst_file_reader.h>

#include <filesystem>
#include <mutex>
#include <utility>

#include "base/logging.h"
#include "table/rocks_options.h"

namespace holdfast::table {
namespace {

constexpr std::string_view family_names[family_count] = {"meta", "table", "ids", "open"};

}  // namespace

tl::unexpected<Error> failure(const rocksdb::Status& status, std::string_view what) {
  const Code code = status.IsCorruption() ? Code::corrupt
                    : status.IsNoSpace()  ? Code::no_space
                                          : Code::io;
  return fail(code, fmt::format("{}: {}", what, status.ToString()));
}

RocksDatabase::RocksDatabase(std::string directory,
                             const std::shared_ptr<rocksdb::FileSystem>& files)
    : directory_(std::move(directory)),
      files_(std::make_shared<KeepingFiles>(files)),
      env_(rocksdb::NewCompositeEnv(files_)),
      options_(rocks_options(stopped_)) {
  options_.env = env_.get();
  // As run_in_background(): compactions are nobody's to wait for.
  env_->LowerThreadPoolCPUPriority(rocksdb::Env::LOW, rocksdb::CpuPriority::kLow)
      .PermitUncheckedError();
}

rocksdb::Status RocksDatabase::open_database(bool to_read_only) {
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, options_);
  for (const std::string_view name : family_names) {
    descriptors.emplace_back(std::string(name), options_);
  }
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::Status status =
      to_read_only ? rocksdb::DB::OpenForReadOnly(options_, directory_, descriptors, &handles, &db)
                   : rocksdb::DB::Open(options_, directory_, descriptors, &handles, &db);
  if (!status.ok()) return status;
  db_.reset(db);
  db->DestroyColumnFamilyHandle(handles.front()).PermitUncheckedError();
  families_.assign(handles.begin() + 1, handles.end());
  return status;
}

Result<std::shared_ptr<Pinned>> RocksDatabase::pin(const rocksdb::ReadOptions& options) {
  auto pinned = std::make_shared<Pinned>();
  for (std::size_t i = 0; i < family_count; ++i) {
    pinned->families[i].reset(db_->NewIterator(options, families_[i]));
    const auto status = pinned->families[i]->status();
    if (!status.ok()) return failure(status, "keeping the checkpoint as it is");
  }
  const std::lock_guard lock(pinned_mutex_);
  std::erase_if(pinned_, [](const auto& held) { return held.expired(); });
  pinned_.push_back(pinned);
  return pinned;
}

void RocksDatabase::end_pinned() {
  const std::lock_guard lock(pinned_mutex_);
  for (const auto& held : pinned_) {
    if (const auto pinned = held.lock()) pinned->drop();
  }
  pinned_.clear();
}

void RocksDatabase::close() {
  end_pinned();
  for (auto* family : families_) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  families_.clear();
  db_.reset();
}

Status RocksDatabase::open() {
  const auto status = open_database(false);
  if (status.ok()) return {};
  const std::string what = "opening the checkpoint in " + directory_;
  return failure(status, status.IsCorruption() ? what + unreadable_files() : what);
}

// Of a table file that cannot be opened RocksDB names the manifest.
std::string RocksDatabase::unreadable_files() const {
  std::string names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    if (entry.path().extension() != ".sst") continue;
    rocksdb::SstFileReader reader(options_);
    if (reader.Open(entry.path()).ok()) continue;
    names += (names.empty() ? ", where these are damaged: " : ", ") + entry.path().string();
  }
  return names;
}

Status RocksDatabase::make_ready() {
  if (*stopped_ || db_ == nullptr) return reopen();
  // What stopped compactions only, as a full disk does.
  if (const auto status = db_->Resume(); !status.ok()) return failure(status, "going on");
  return {};
}

Status RocksDatabase::is_ready() const {
  if (*stopped_) return fail(Code::io, "the checkpoint's files could not be compacted");
  return {};
}

Status RocksDatabase::reopen() {
  const std::unique_lock lock(mutex_);
  close();
  if (Status settled = files_->settle_manifest(); !settled) {
    // Whatever the manifest says, it is a whole checkpoint, to be read.
    open_database(true).PermitUncheckedError();
    return settled;
  }
  *stopped_ = false;
  const auto status = open_database(false);
  if (status.ok()) {
    logging::warning("opened the checkpoint anew after an error");
    return {};
  }
  *stopped_ = true;
  open_database(true).PermitUncheckedError();
  return failure(status, "opening the checkpoint anew in " + directory_);
}

}  // namespace holdfast::table
