// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "log/file_system.h"
#include "log/segment.h"

namespace holdfast::log_format {

struct Segment {
  SegmentHeader header;
  std::string path;
  Position last;  // the last entry in it or, if it has none, before it
};

/// A log as it was found, made ready to be written on.
struct Recovered {
  std::deque<Segment> segments;  // oldest first; the last is written on
  std::unique_ptr<File> active;  // its file
  std::uint64_t tail = 0;        // where the next record goes in it
  Position first;                // the oldest entry kept; last.next() when none
  Position last;
  bool clean = false;  // the last thing in it is that it was closed
  bool cut = false;    // a torn tail was cut off
};

/// Finds where the log in the directory ends, and makes that so: what a power
/// cut tore is cut off with a log line and zeroed, and what is kept, but not
/// known to be on disk, is written again and synced. After that all of it is on
/// disk. Damage that no power cut explains is kCorrupt, naming file and offset.
/// Nothing when there is no log. The reasoning is in docs/formats/log.md.
Result<std::optional<Recovered>> recover(FileSystem& files, const std::string& directory);

/// Calls `each` for the entries after `after` in segments that recover() gave;
/// `tail` ends the last of them.
Status replay(FileSystem& files, const std::deque<Segment>& segments, std::uint64_t tail,
              Position after, const std::function<Status(Position, std::string_view)>& each);

}  // namespace holdfast::log_format
