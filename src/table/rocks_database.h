// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "table/keeping_files.h"
#include "table/store.h"

namespace holdfast::table {

/// The database's content at one moment, a family's by an iterator each: that
/// keeps the files that were there then. (RocksDB's own snapshots do not hide the
/// rows of files that are taken in.) Closing the database ends it. Whoever lets
/// go of it drops the iterators first: a database must not close while one goes.
struct Pinned {
  void drop() {
    const std::lock_guard lock(mutex);
    for (auto& family : families) family.reset();
  }
  std::mutex mutex;  // held while an iterator is in use
  std::array<std::unique_ptr<rocksdb::Iterator>, family_count> families;  // nullptr: ended
};

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
  /// What it holds now. On the owner's thread, within a Reading, and not while
  /// files are being taken in: a part of them would be seen.
  Result<std::shared_ptr<Pinned>> pin(const rocksdb::ReadOptions& options);
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
  void end_pinned();
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
  std::mutex pinned_mutex_;
  std::vector<std::weak_ptr<Pinned>> pinned_;  // to be ended before the database closes
};

/// What RocksDB says went wrong, as an error of ours.
tl::unexpected<Error> failure(const rocksdb::Status& status, std::string_view what);

}  // namespace holdfast::table
