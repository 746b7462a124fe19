// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

/// The bytes of a log on disk: docs/formats/log.md. Pure.
namespace holdfast::log_format {

inline constexpr std::uint32_t version = 1;
inline constexpr std::size_t alignment = 8;  // of every record in its file
inline constexpr std::size_t segment_header_bytes = 64;
inline constexpr std::size_t record_header_bytes = 40;

/// What a segment file says of itself.
struct SegmentHeader {
  std::uint64_t log_id = 0;  // the same in every file of one log
  std::uint64_t number = 0;  // the file's place among them, also in its name
  std::uint64_t bytes = 0;   // of the whole file, as it was made
  bool operator==(const SegmentHeader&) const = default;
};
std::string encode(const SegmentHeader& header);
/// Nothing when it is damaged or of another version (`version_found` says).
std::optional<SegmentHeader> parse_segment_header(std::string_view bytes,
                                                  std::uint32_t& version_found);

enum class Kind : std::uint8_t {
  entry = 1,  // the entry at `position`
  mark = 2,   // nothing but what `synced` says; `position` is the last entry's
  base = 3,   // all up to `position` is in a checkpoint; entries go on after it
  clean = 4,  // the log was closed; everything before this was on disk
};

/// Where a record lies; part of its checksum, so that bytes of another place,
/// another file or another log never pass for a record.
struct Place {
  std::uint64_t log_id = 0;
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
};

struct RecordHeader {
  Kind kind = Kind::entry;
  Position position;
  /// Everything up to here was on disk when the record was written: the line
  /// between what a power cut can have torn and what only damage can explain.
  Position synced;
  std::uint32_t payload_bytes = 0;
  std::uint64_t payload_checksum = 0;
};

/// What the record takes in the file, padding included.
constexpr std::size_t record_bytes(std::size_t payload_bytes) {
  return record_header_bytes + (payload_bytes + alignment - 1) / alignment * alignment;
}

/// Appends the header to `out`; the payload and its zero padding follow it.
void put_header(std::string& out, const RecordHeader& header, const Place& place);
/// Appends the whole record.
void put_record(std::string& out, Kind kind, Position position, Position synced,
                std::string_view payload, const Place& place);
std::uint64_t payload_checksum(std::string_view payload, Position position);

/// Whether a record's header may begin with these bytes: a quick test before
/// the checksum.
bool looks_like_header(std::string_view bytes);
/// Nothing when no intact header stands there. `bytes` has at least
/// record_header_bytes.
std::optional<RecordHeader> parse_header(std::string_view bytes, const Place& place);
/// `padded` is what follows the header, up to the record's end.
bool payload_intact(const RecordHeader& header, std::string_view padded);

}  // namespace holdfast::log_format
