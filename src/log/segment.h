// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "log/file_system.h"
#include "log/record.h"

/// One file of a log: made whole and zeroed before it is used, then filled
/// with records from the front. docs/formats/log.md.
namespace holdfast::log_format {

std::string segment_name(std::uint64_t number);            // "0000000001.log"
std::string segment_temporary_name(std::uint64_t number);  // while it is being made
bool is_temporary(std::string_view name);
/// Nothing when it is no segment's name.
std::optional<std::uint64_t> segment_number(std::string_view name);

/// Makes the file under its temporary name, with its header and, if `fill`,
/// real zeros behind it (else only room for them: a sync of what is written
/// there then has metadata to write too), syncs it, gives it its name and
/// syncs the directory. Whatever fails leaves nothing behind. `stop`, where
/// given, ends it early with kUnavailable.
Result<std::unique_ptr<File>> make_segment(FileSystem& files, const std::string& directory,
                                           const SegmentHeader& header, bool fill,
                                           const std::atomic<bool>* stop = nullptr);

/// Writes zeros over [from, to).
Status write_zeros(File& file, std::uint64_t from, std::uint64_t to,
                   const std::atomic<bool>* stop = nullptr);

/// Reads the records of one segment, in order, through a window of it.
class SegmentReader {
 public:
  /// `file` outlives the reader.
  SegmentReader(File& file, const SegmentHeader& header) : file_(file), header_(header) {}

  struct Record {
    RecordHeader header;
    std::string_view payload;  // until the next call
    std::uint64_t end;         // where the next record stands
  };
  /// The intact record at `offset`; nothing when none stands there.
  Result<std::optional<Record>> at(std::uint64_t offset);

  /// What lies from a place on, whatever it is.
  struct Remains {
    bool any = false;       // some byte is not zero
    std::uint64_t end = 0;  // of the last such word
    Position synced;        // the greatest that an intact record header there carries
  };
  Result<Remains> scan(std::uint64_t from);

 private:
  Result<std::string_view> view(std::uint64_t offset, std::size_t size);

  File& file_;
  SegmentHeader header_;
  std::string window_;
  std::uint64_t window_offset_ = 0;
};

/// Reads and checks the header of an open segment file. kCorrupt names `path`.
Result<SegmentHeader> read_segment_header(File& file, const std::string& path);

}  // namespace holdfast::log_format
