// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "log/file_system.h"
#include "log/log_cursor.h"

namespace holdfast {

struct DiskLogOptions {
  std::string directory;                                          // made when missing; one log each
  std::size_t segment_bytes = limits::segment_bytes;              // of a full-grown file
  std::size_t segment_bytes_first = limits::segment_bytes_first;  // of a new log's first
  Millis sync_interval{1000};                                     // for Durability::everysec
  /// Called from the log's own threads when synced() or health() changed.
  std::function<void()> wake;
  /// False: no threads; what they would do happens in sync_now(). For the
  /// simulator and for tests that replay from a seed.
  bool own_threads = true;
  std::uint64_t log_id = 0;  // of a log that is made; 0: by chance. For golden files.
};

/// An append-only log in segment files on this machine: what the embedded
/// engine and every node's origin log are made of. docs/formats/log.md.
///
/// append() writes to the kernel at once, on the caller's thread; one thread
/// of the log's own syncs, or, where syncs have been taking microseconds only,
/// append() itself does. A sync also begins when some MiB wait for it. Segments are
/// filled with zeros ahead of need, so that a sync writes no metadata (measured
/// here: 148 µs against 205 to 340 µs for a growing file) and so that a full disk
/// is met before an append is taken, never during one; where they last less than
/// a second their room is only reserved.
///
/// Threads: one owner thread calls everything; results of the log's threads are
/// read through synced() and health(). Destroyed without close(), it leaves the
/// files as a crash of the process would.
class DiskLog {
 public:
  virtual ~DiskLog() = default;

  /// Opens or makes the log. What a power cut can have torn (nothing that was
  /// known to be on disk) is cut off with a log line; any other damage is
  /// kCorrupt, naming file and offset. What is there when it returns is on disk.
  static Result<std::unique_ptr<DiskLog>> open(FileSystem& files, DiskLogOptions options);

  /// Calls `each` for every stored entry after `after`, in order; stops at
  /// its first error. Only before the first append.
  virtual Status replay(Position after,
                        const std::function<Status(Position, std::string_view)>& each) = 0;

  /// The entry after the cursor, which moves on to it; nothing: there is none
  /// yet. Its payload is good until the cursor's next call. kUnavailable: it was
  /// trimmed. kCorrupt: the file was changed behind the log's back.
  virtual Result<std::optional<LogEntry>> next(LogCursor& cursor) = 0;

  /// Writes the next entry and gives its position (the last one's plus 1).
  /// After it returns the entry survives the end of the process; with `always`
  /// a sync was asked for and synced() will reach it, with `everysec` within
  /// the interval. kUnavailable when the disk is full or failed: nothing was
  /// written and no position used. kUnknown: the write failed, and so did
  /// undoing it; the next start may find the entry. kErr: over entry_bytes_max.
  Result<Position> append(std::string_view payload, Durability durability) {
    return append_all({&payload, 1}, durability);
  }
  /// The same for some entries, in their order, small ones with one call to the kernel; gives the
  /// position of the last. An error: those up to last() were written; of kUnknown the next start
  /// may find some of the others.
  virtual Result<Position> append_all(std::span<const std::string_view> payloads,
                                      Durability durability) = 0;

  /// Makes sure that the next append of up to `payload_bytes` finds its room on
  /// disk, behind all that is claimed. Cheap when there is room already. kUnavailable: an append
  /// of that size would be refused now. For those who must act before they append.
  virtual Status reserve(std::size_t payload_bytes) = 0;
  /// An entry of so much, for which there was a reserve(), is a part of the next append_all(), but
  /// not of the next reserve().
  virtual void claim(std::size_t payload_bytes) = 0;

  /// Whether the log, as it was opened, ended with a close(), nothing after it.
  /// True for one just made. If false, a power cut may have taken entries that
  /// others have seen: their positions must not be used again under one name.
  virtual bool closed_cleanly() const = 0;
  /// Whether opening cut something off (and so, whatever closed_cleanly() and
  /// the kernel's age say, entries may be gone).
  virtual bool tail_was_cut() const = 0;

  /// Drawn when the log was made: another folder's is another's.
  virtual std::uint64_t id() const = 0;

  virtual Position first() const = 0;   // oldest kept; last().next() when empty
  virtual Position last() const = 0;    // last appended, 0 when none ever
  virtual Position synced() const = 0;  // everything up to here is on disk

  /// Ok, or why appends are refused. A full disk heals when space returns; a
  /// failed write or sync does not (an fsync that failed once may have dropped
  /// the pages it could not write: Rebello et al., "Can Applications Recover
  /// from fsync Failures?", USENIX ATC 2020). Positions after synced() are
  /// then in doubt.
  virtual Status health() const = 0;
  /// A sync failed: synced() stays where it is for good.
  virtual bool lost() const = 0;

  /// Entries up to here may be forgotten; frees or reuses whole segments.
  virtual void trim(Position up_to) = 0;
  /// Forgets all entries and makes positions go on after `last`, not before
  /// last(): a durable checkpoint includes everything up to there. Only before
  /// the first append.
  virtual Status start_after(Position last) = 0;
  virtual std::uint64_t bytes_on_disk() const = 0;
  virtual std::uint64_t bytes_appended() const = 0;  // payloads, since it was opened

  /// Does on this thread what the log's own would: syncs all that was written,
  /// tries again for room. For logs without own threads.
  virtual void sync_now() = 0;

  /// Syncs everything and closes, marking the end as clean. An error: positions
  /// after synced() are in doubt. Again: the same answer.
  virtual Status close() = 0;

 protected:
  static Result<std::optional<LogEntry>> move_on(LogCursor& cursor, FileSystem& files,
                                                 const std::deque<log_format::Segment>& segments,
                                                 std::uint64_t tail) {
    return cursor.next(files, segments, tail);
  }
};

}  // namespace holdfast
