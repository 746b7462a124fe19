// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast {

/// The seam to the disk (LevelDB's Env): the logs' only way to files, so that
/// tests and the simulator put a disk of their own in its place, one that
/// tears, loses, fills up and fails.
///
/// What the logs assume of any disk: once sync() said yes, what was written
/// before it stays, and a write that was not synced leaves each 512-byte sector
/// as it was or as it was to be. Nothing else: neither order nor wholeness.
///
/// Errors say what was tried, where, and the system's reason.
class File {
 public:
  virtual ~File() = default;
  /// Writes all or fails. kNoSpace for ENOSPC and EDQUOT, else kIo; then a part
  /// of it may have been written.
  virtual Status write_at(std::uint64_t offset, std::string_view bytes) = 0;
  /// Reads up to `size` bytes. It may give fewer; none only at the file's end.
  virtual Result<std::string> read_at(std::uint64_t offset, std::size_t size) = 0;
  /// fdatasync. Any thread, also beside write_at. After a failure no later
  /// success says anything about what was written before.
  virtual Status sync() = 0;
  virtual Result<std::uint64_t> size() = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  /// Takes room for the first `size` bytes, which read as zero where nothing
  /// was written; the file becomes that long. kNoSpace takes nothing.
  virtual Status allocate(std::uint64_t size) = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, bool create) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // names, sorted
  virtual Status make_directory(const std::string& path) = 0;  // and its parents; durable
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  /// Makes names made, renamed or removed in the directory durable.
  virtual Status sync_directory(const std::string& path) = 0;
};

/// The machine's own. Lives for the whole process. Any thread.
FileSystem& posix_file_system();

}  // namespace holdfast
