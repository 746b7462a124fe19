// SPDX-License-Identifier: Apache-2.0
#include "log/segment.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/units.h"

namespace holdfast::log_format {
namespace {

constexpr std::string_view suffix = ".log";
constexpr std::string_view temporary_suffix = ".tmp";
constexpr std::size_t number_digits = 10;
constexpr std::size_t window_bytes = 1_MiB;
// Between two syncs of a file being filled, so that the disk is never given so
// much at once that the log's own sync has to wait behind it.
constexpr std::size_t fill_sync_bytes = 4_MiB;

}  // namespace

std::string segment_name(std::uint64_t number) {
  return fmt::format("{:010}{}", number, suffix);
}

std::string segment_temporary_name(std::uint64_t number) {
  return fmt::format("{:010}{}", number, temporary_suffix);
}

bool is_temporary(std::string_view name) {
  return name.ends_with(temporary_suffix);
}

std::optional<std::uint64_t> segment_number(std::string_view name) {
  if (!name.ends_with(suffix) || name.size() < number_digits + suffix.size()) return std::nullopt;
  name.remove_suffix(suffix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number == 0) return std::nullopt;
  return number;
}

Status write_zeros(File& file, std::uint64_t from, std::uint64_t to,
                   const std::atomic<bool>* stop) {
  static const std::string zeros(window_bytes, '\0');
  std::uint64_t unsynced = 0;
  while (from < to) {
    if (stop != nullptr && *stop) return fail(Code::unavailable, "the log is closing");
    const std::size_t size = std::min<std::uint64_t>(zeros.size(), to - from);
    if (Status s = file.write_at(from, std::string_view(zeros).substr(0, size)); !s) return s;
    from += size;
    unsynced += size;
    if (unsynced >= fill_sync_bytes) {
      if (Status s = file.sync(); !s) return s;
      unsynced = 0;
    }
  }
  return {};
}

namespace {

Result<std::unique_ptr<File>> fill_temporary(FileSystem& files, const std::string& path,
                                             const SegmentHeader& header, bool fill,
                                             const std::atomic<bool>* stop) {
  auto file = files.open(path, true);
  if (!file) return file;
  // Asks for all the room before a byte is written: a disk that lacks it says so
  // at once, and nobody else on it is starved by a half-made file.
  if (Status s = (*file)->allocate(header.bytes); !s) return tl::unexpected(s.error());
  if (fill) {
    if (Status s = write_zeros(**file, segment_header_bytes, header.bytes, stop); !s) {
      return tl::unexpected(s.error());
    }
  }
  if (Status s = (*file)->write_at(0, encode(header)); !s) return tl::unexpected(s.error());
  if (Status s = (*file)->sync(); !s) return tl::unexpected(s.error());
  return file;
}

}  // namespace

Result<std::unique_ptr<File>> make_segment(FileSystem& files, const std::string& directory,
                                           const SegmentHeader& header, bool fill,
                                           const std::atomic<bool>* stop) {
  const std::string temporary = directory + "/" + segment_temporary_name(header.number);
  auto file = fill_temporary(files, temporary, header, fill, stop);
  if (!file) {
    (void)files.remove(temporary);  // what is left of it goes at the next start
    return file;
  }
  const std::string path = directory + "/" + segment_name(header.number);
  if (Status s = files.rename(temporary, path); !s) {
    (void)files.remove(temporary);
    return tl::unexpected(s.error());
  }
  if (Status s = files.sync_directory(directory); !s) {
    (void)files.remove(path);
    return tl::unexpected(s.error());
  }
  return file;
}

Result<std::string_view> SegmentReader::view(std::uint64_t offset, std::size_t size) {
  if (offset >= header_.bytes) return std::string_view();
  size = std::min<std::uint64_t>(size, header_.bytes - offset);
  const std::uint64_t window_end = window_offset_ + window_.size();
  if (offset < window_offset_ || offset + size > window_end) {
    const std::size_t wanted =
        std::min<std::uint64_t>(std::max(size, window_bytes), header_.bytes - offset);
    window_offset_ = offset;
    window_.clear();
    while (window_.size() < wanted) {
      auto more = file_.read_at(offset + window_.size(), wanted - window_.size());
      if (!more) return tl::unexpected(more.error());
      if (more->empty()) break;
      if (window_.empty()) {
        window_ = std::move(*more);
      } else {
        window_ += *more;
      }
    }
  }
  return std::string_view(window_).substr(offset - window_offset_, size);
}

Result<std::optional<SegmentReader::Record>> SegmentReader::at(std::uint64_t offset) {
  const auto head = view(offset, record_header_bytes);
  if (!head) return tl::unexpected(head.error());
  if (head->size() < record_header_bytes) return std::nullopt;
  const auto header =
      parse_header(*head, {.log_id = header_.log_id, .segment = header_.number, .offset = offset});
  if (!header) return std::nullopt;
  const std::size_t bytes = record_bytes(header->payload_bytes);
  const auto whole = view(offset, bytes);
  if (!whole) return tl::unexpected(whole.error());
  if (whole->size() < bytes) return std::nullopt;
  const std::string_view padded = whole->substr(record_header_bytes);
  if (!payload_intact(*header, padded)) return std::nullopt;
  return Record{*header, padded.substr(0, header->payload_bytes), offset + bytes};
}

Result<SegmentReader::Remains> SegmentReader::scan(std::uint64_t from) {
  // Headers may lie across two windows: each overlaps the next by all but a word.
  constexpr std::size_t overlap = record_header_bytes - alignment;
  Remains remains;
  while (from < header_.bytes) {
    const auto bytes = view(from, window_bytes);
    if (!bytes) return tl::unexpected(bytes.error());
    const bool last = bytes->size() < window_bytes || from + window_bytes == header_.bytes;
    const std::size_t step = last ? bytes->size() : window_bytes - overlap;
    for (std::size_t i = 0; i < step; i += alignment) {
      const std::string_view rest = bytes->substr(i);
      std::uint64_t word = 0;
      std::memcpy(&word, rest.data(), std::min(rest.size(), sizeof word));
      if (word == 0) continue;
      remains.any = true;
      remains.end = from + i + std::min(rest.size(), sizeof word);
      if (rest.size() < record_header_bytes || !looks_like_header(rest)) continue;
      const auto header = parse_header(
          rest, {.log_id = header_.log_id, .segment = header_.number, .offset = from + i});
      if (header) remains.synced = std::max(remains.synced, header->synced);
    }
    if (last) break;
    from += step;
  }
  return remains;
}

Result<SegmentHeader> read_segment_header(File& file, const std::string& path) {
  std::string bytes;
  while (bytes.size() < segment_header_bytes) {
    const auto more = file.read_at(bytes.size(), segment_header_bytes - bytes.size());
    if (!more) return tl::unexpected(more.error());
    if (more->empty()) break;
    bytes += *more;
  }
  std::uint32_t found = 0;
  const auto header = parse_segment_header(bytes, found);
  if (header && header->bytes >= segment_header_bytes) return *header;
  if (found > version) {
    return fail(Code::corrupt, fmt::format("{}: written by a later version (log format {}, this "
                                           "program knows {})",
                                           path, found, version));
  }
  return fail(Code::corrupt, fmt::format("{}: damaged at offset 0, in the file's header", path));
}

}  // namespace holdfast::log_format
