// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/error.h"

namespace holdfast::table {

/// A file system for RocksDB that deletes no table file while it is uncertain
/// what the manifest holds.
///
/// A manifest whose write or sync failed may hold the new record all the same.
/// RocksDB (7.8) deletes the files that were to be taken in, and where the
/// record is there after a restart, it finds them missing and opens no more.
/// With the files kept, the manifest is a whole checkpoint with the record and
/// without it.
class KeepingFiles final : public rocksdb::FileSystemWrapper {
 public:
  explicit KeepingFiles(const std::shared_ptr<rocksdb::FileSystem>& target)
      : FileSystemWrapper(target) {}
  const char* Name() const override { return "KeepingFiles"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  /// Says that it did, while deletions are held back; what is left then goes
  /// when RocksDB next looks for files it does not know.
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

  /// A newer manifest has been written whole.
  void manifest_is_certain();
  /// Cuts from the manifest what it was not known to hold. No database may be
  /// open on it.
  Status settle_manifest();

  // For the files it gives out.
  void manifest_failed(const std::string& path, std::uint64_t synced_bytes);
  void became_uncertain() { uncertain_ = true; }

 private:
  std::atomic<bool> uncertain_{false};
  std::mutex mutex_;
  std::string failed_manifest_;  // empty: none
  std::uint64_t synced_bytes_ = 0;
};

}  // namespace holdfast::table
