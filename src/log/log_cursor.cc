// SPDX-License-Identifier: Apache-2.0
#include "log/log_cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast {

using log_format::Segment;

Status LogCursor::open(FileSystem& files, const Segment& segment) {
  auto file = files.open(segment.path, false);
  if (!file) return tl::unexpected(file.error());
  reader_.reset();
  file_ = std::move(*file);
  header_ = segment.header;
  segment_ = segment.header.number;
  offset_ = log_format::segment_header_bytes;
  return {};
}

Result<std::optional<LogEntry>> LogCursor::next(FileSystem& files,
                                                const std::deque<Segment>& segments,
                                                std::uint64_t tail) {
  const auto front = segments.front().header.number;
  if (segment_ != 0 && segment_ < front) segment_ = 0;  // that file may be used again
  if (segment_ == 0) {
    const auto last = std::prev(segments.end());
    const auto holds = [this](const Segment& segment) { return segment.last > at_; };
    const auto first = std::find_if(segments.begin(), last, holds);
    if (Status s = open(files, *first); !s) return tl::unexpected(s.error());
  }
  while (true) {
    const Segment& segment = segments[segment_ - front];
    const bool active = &segment == &segments.back();
    auto entry = next_in_segment(active ? tail : segment.header.bytes);
    if (!entry || *entry || active) return entry;
    if (at_ < segment.last) {
      return fail(Code::corrupt, fmt::format("{}: damaged at offset {}: changed since it was "
                                             "checked",
                                             segment.path, offset_));
    }
    if (Status s = open(files, segments[segment_ - front + 1]); !s)
      return tl::unexpected(s.error());
  }
}

Result<std::optional<LogEntry>> LogCursor::next_in_segment(std::uint64_t end) {
  while (offset_ < end) {
    // What lay behind the end when the reader looked has been written since.
    if (!reader_ || reader_end_ < end) {
      log_format::SegmentHeader seen = header_;
      seen.bytes = reader_end_ = end;
      reader_ = std::make_unique<log_format::SegmentReader>(*file_, seen);
    }
    const auto record = reader_->at(offset_);
    if (!record) return tl::unexpected(record.error());
    if (!*record) return std::nullopt;
    offset_ = (*record)->end;
    const log_format::RecordHeader& header = (*record)->header;
    if (header.kind != log_format::Kind::entry || header.position <= at_) continue;
    if (header.position != at_.next()) {
      return fail(Code::unavailable, fmt::format("entry {} is no longer in the log, which begins "
                                                 "with {}",
                                                 at_.next().value, header.position.value));
    }
    at_ = header.position;
    return LogEntry{.position = at_, .payload = (*record)->payload};
  }
  return std::nullopt;
}

}  // namespace holdfast
