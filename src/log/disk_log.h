// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "log/file_system.h"

namespace holdfast {

struct DiskLogOptions {
  std::string directory;  // made when missing; one log each
  std::size_t segment_bytes = limits::segment_bytes;
  Millis sync_interval{1000};  // for Durability::everysec
  /// Called from the log's own thread when synced() or health() changed.
  std::function<void()> wake;
};

/// An append-only log in segment files on this machine: what the embedded
/// engine and every node's origin log are made of. docs/formats/log.md.
///
/// append() writes to the kernel at once, on the caller's thread; one thread
/// of the log's own syncs. Segments are filled with zeros ahead of need, so
/// that a sync writes no metadata (measured here: 148 µs against 205 to 340 µs
/// for a growing file) and so that a full disk is met before an append is
/// taken, never during one.
///
/// Threads: one owner thread calls everything; results of the log's thread are
/// read through synced() and health().
class DiskLog {
 public:
  virtual ~DiskLog() = default;

  /// Opens or makes the log. A torn tail (a last record cut or damaged with
  /// nothing whole behind it) is cut off with a log line; any other damage is
  /// kCorrupt, naming file and offset.
  static Result<std::unique_ptr<DiskLog>> open(FileSystem& files, DiskLogOptions options);

  /// Calls `each` for every stored entry after `after`, in order; stops at
  /// its first error. Only before the first append.
  virtual Status replay(Position after,
                        const std::function<Status(Position, std::string_view)>& each) = 0;

  /// Writes the next entry and gives its position (the last one's plus 1).
  /// After it returns the entry survives the end of the process; with `always`
  /// a sync was asked for and synced() will reach it, with `everysec` within
  /// the interval. kUnavailable when the disk is full or failed: nothing was
  /// written and no position used.
  virtual Result<Position> append(std::string_view payload, Durability durability) = 0;

  /// Makes sure that the next append of up to `payload_bytes` finds its room on
  /// disk. Cheap when there is room already. kUnavailable: an append of that
  /// size would be refused now. For those who must act before they append.
  virtual Status reserve(std::size_t payload_bytes) = 0;

  virtual Position first() const = 0;    // oldest kept; last().next() when empty
  virtual Position last() const = 0;     // last appended, 0 when none ever
  virtual Position synced() const = 0;   // everything up to here is on disk

  /// Ok, or why appends are refused. A full disk heals when space returns; a
  /// failed write or sync does not (an fsync that failed once may have dropped
  /// the pages it could not write: Rebello et al., "Can Applications Recover
  /// from fsync Failures?", USENIX ATC 2020). Positions after synced() are
  /// then in doubt.
  virtual Status health() const = 0;

  /// Entries up to here may be forgotten; frees or reuses whole segments.
  virtual void trim(Position up_to) = 0;
  /// Makes positions start after `last` in an empty log (a fresh checkpoint).
  virtual Status start_after(Position last) = 0;
  virtual std::uint64_t bytes_on_disk() const = 0;

  /// Syncs everything and closes, marking the end as clean.
  virtual Status close() = 0;
};

}  // namespace holdfast
