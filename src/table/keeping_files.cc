// SPDX-License-Identifier: Apache-2.0
#include "table/keeping_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <utility>

namespace holdfast::table {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

IOStatus noted(KeepingFiles& files, IOStatus status) {
  if (!status.ok()) files.became_uncertain();
  return status;
}

class Manifest final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Manifest(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path, KeepingFiles& files)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), files_(files) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    written_ += data.size();
    return seen(FSWritableFileOwnerWrapper::Append(data, options, debug));
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* debug) override {
    written_ += data.size();
    return seen(FSWritableFileOwnerWrapper::Append(data, options, verification, debug));
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
    return seen(FSWritableFileOwnerWrapper::Flush(options, debug));
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return synced(FSWritableFileOwnerWrapper::Sync(options, debug));
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return synced(FSWritableFileOwnerWrapper::Fsync(options, debug));
  }

 private:
  IOStatus seen(IOStatus status) {
    if (!status.ok()) files_.manifest_failed(path_, synced_);
    return status;
  }
  IOStatus synced(IOStatus status) {
    if (status.ok()) synced_ = written_;
    return seen(std::move(status));
  }

  std::string path_;
  KeepingFiles& files_;
  std::uint64_t written_ = 0;
  std::uint64_t synced_ = 0;
};

// CURRENT may name either manifest when its rename was not synced.
class Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, KeepingFiles& files)
      : FSDirectoryWrapper(std::move(directory)), files_(files) {}
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return noted(files_, FSDirectoryWrapper::Fsync(options, debug));
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& what) override {
    return noted(files_, FSDirectoryWrapper::FsyncWithDirOptions(options, debug, what));
  }

 private:
  KeepingFiles& files_;
};

bool has_name(const std::string& path, std::string_view start, std::string_view end) {
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  return name.starts_with(start) && name.ends_with(end);
}

}  // namespace

IOStatus KeepingFiles::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       IODebugContext* debug) {
  IOStatus status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
  if (status.ok() && has_name(path, "MANIFEST-", "")) {
    *file = std::make_unique<Manifest>(std::move(*file), path, *this);
  }
  return status;
}

IOStatus KeepingFiles::NewDirectory(const std::string& path, const IOOptions& options,
                                    std::unique_ptr<rocksdb::FSDirectory>* directory,
                                    IODebugContext* debug) {
  IOStatus status = FileSystemWrapper::NewDirectory(path, options, directory, debug);
  if (status.ok()) *directory = std::make_unique<Directory>(std::move(*directory), *this);
  return status;
}

IOStatus KeepingFiles::RenameFile(const std::string& from, const std::string& to,
                                  const IOOptions& options, IODebugContext* debug) {
  IOStatus status = FileSystemWrapper::RenameFile(from, to, options, debug);
  return has_name(to, "CURRENT", "") ? noted(*this, std::move(status)) : status;
}

IOStatus KeepingFiles::DeleteFile(const std::string& path, const IOOptions& options,
                                  IODebugContext* debug) {
  if (uncertain_ && has_name(path, "0", ".sst")) return IOStatus::OK();
  return FileSystemWrapper::DeleteFile(path, options, debug);
}

void KeepingFiles::manifest_failed(const std::string& path, std::uint64_t synced_bytes) {
  uncertain_ = true;
  const std::lock_guard lock(mutex_);
  if (failed_manifest_ == path) return;  // the first failure tells what was sure before it
  failed_manifest_ = path;
  synced_bytes_ = synced_bytes;
}

void KeepingFiles::manifest_is_certain() {
  const std::lock_guard lock(mutex_);
  failed_manifest_.clear();
  uncertain_ = false;
}

Status KeepingFiles::settle_manifest() {
  {
    const std::lock_guard lock(mutex_);
    std::error_code error;
    if (!failed_manifest_.empty() && std::filesystem::exists(failed_manifest_, error)) {
      std::filesystem::resize_file(failed_manifest_, synced_bytes_, error);
      if (error) return fail(Code::io, fmt::format("{}: {}", failed_manifest_, error.message()));
    }
  }
  manifest_is_certain();
  return {};
}

}  // namespace holdfast::table
