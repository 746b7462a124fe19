// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "table/keeping_files.h"
#include "table/store.h"

namespace holdfast::table {

/// The checkpoint's RocksDB, opened anew where an error has stopped it: in 7.8
/// its own Resume() reports success after such an error, and the next file taken
/// in ends the process.
class RocksDatabase {
 public:
  RocksDatabase(std::string directory, const std::shared_ptr<rocksdb::FileSystem>& files);
  ~RocksDatabase() { close(); }
  Status open();

  /// Held by the owner's thread while it reads; within one, another is free.
  class Reading {
   public:
    explicit Reading(RocksDatabase& database) : database_(database) {
      if (database_.readings_++ == 0) database_.mutex_.lock_shared();
    }
    ~Reading() {
      if (--database_.readings_ == 0) database_.mutex_.unlock_shared();
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    RocksDatabase& database_;
  };

  /// Before a commit, on its thread: what failed before is made good, if its
  /// cause has gone. Reads wait meanwhile.
  Status make_ready();
  /// Whether files can be taken in.
  Status is_ready() const;
  /// A commit has been taken in.
  void committed() { files_->manifest_is_certain(); }

  /// nullptr where neither could be opened again: nothing can be read.
  rocksdb::DB* db() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* family(Family family) const {
    return families_[static_cast<std::size_t>(family)];
  }
  const rocksdb::Options& options() const { return options_; }

 private:
  Status reopen();
  rocksdb::Status open_database(bool to_read_only);
  void close();
  std::string unreadable_files() const;

  std::string directory_;
  std::shared_ptr<KeepingFiles> files_;
  std::unique_ptr<rocksdb::Env> env_;
  std::shared_ptr<std::atomic<bool>> stopped_ = std::make_shared<std::atomic<bool>>(false);
  rocksdb::Options options_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  std::shared_mutex mutex_;  // held alone while the database is opened anew
  int readings_ = 0;         // the owner's
};

/// What RocksDB says went wrong, as an error of ours.
tl::unexpected<Error> failure(const rocksdb::Status& status, std::string_view what);

}  // namespace holdfast::table
