// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/units.h"
#include "log/file_system.h"
#include "log/log.h"
#include "log/recovery.h"
#include "log/segment.h"

namespace holdfast {

/// A place in a DiskLog from which entries are read while others are appended:
/// DiskLog::next() moves it on. Many can read one log. Of the log's owner thread.
class LogCursor {
 public:
  explicit LogCursor(Position after) : at_(after) {}

  /// The last entry it has given, or where it began.
  Position at() const { return at_; }

 private:
  friend class DiskLog;
  Result<std::optional<LogEntry>> next(FileSystem& files,
                                       const std::deque<log_format::Segment>& segments,
                                       std::uint64_t tail);
  Status open(FileSystem& files, const log_format::Segment& segment);
  Result<std::optional<LogEntry>> next_in_segment(std::uint64_t end);

  Position at_;
  std::uint64_t segment_ = 0;  // the number of the open one; 0: none
  std::unique_ptr<File> file_;
  log_format::SegmentHeader header_;
  std::uint64_t offset_ = 0;  // of the next record
  std::unique_ptr<log_format::SegmentReader> reader_;
  std::uint64_t reader_end_ = 0;  // what it may have seen of the file
};

}  // namespace holdfast
