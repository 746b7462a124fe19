// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/error.h"

namespace holdfast {

/// Keeps a second process out of a data folder: two nodes on one folder would
/// write the same positions twice. Held until destroyed or the process ends in
/// any way; the kernel lets go, so there is no stale lock to remove.
class DirectoryLock {
 public:
  /// Locks the file LOCK in the directory, which must exist. kUnavailable when
  /// another holds it, naming the folder and, where known, the process.
  static Result<std::unique_ptr<DirectoryLock>> acquire(const std::string& directory);

  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace holdfast
