// SPDX-License-Identifier: Apache-2.0
#include "log/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/logging.h"

namespace holdfast::log_format {
namespace {

constexpr std::size_t rewrite_bytes = 1'048'576;

tl::unexpected<Error> damaged(const std::string& path, std::uint64_t offset,
                              std::string_view what) {
  return fail(Code::corrupt, fmt::format("{}: damaged at offset {}: {}", path, offset, what));
}

struct OpenSegment {
  Segment facts;
  std::unique_ptr<File> file;
};

/// Where a record lies: the index of its segment and its offset in it.
struct Spot {
  std::size_t segment = 0;
  std::uint64_t offset = 0;
};

class Recovery {
 public:
  Recovery(FileSystem& files, const std::string& directory)
      : files_(files), directory_(directory) {}

  Result<std::optional<Recovered>> run() {
    if (Status s = open_segments(); !s) return tl::unexpected(s.error());
    if (segments_.empty()) return std::nullopt;
    if (Status s = walk(); !s) return tl::unexpected(s.error());
    if (Status s = judge(); !s) return tl::unexpected(s.error());
    if (Status s = cut_off(); !s) return tl::unexpected(s.error());
    if (Status s = write_again(); !s) return tl::unexpected(s.error());
    return result();
  }

 private:
  Status open_segments();
  Status walk();
  Status walk_segment(std::size_t index);
  bool continues(const RecordHeader& header) const;
  void take(const RecordHeader& header, Spot spot);
  Status judge();
  Status cut_off();
  Status write_again();
  Status rewrite(File& file, std::uint64_t from, std::uint64_t to);
  std::optional<Recovered> result();

  FileSystem& files_;
  const std::string& directory_;
  std::vector<OpenSegment> segments_;
  // What the records say, up to the first place where none continues them.
  std::optional<Position> last_;  // unknown until the oldest kept segment's first record
  Position first_;
  Position synced_;  // the greatest mark seen
  bool clean_ = false;
  std::deque<std::pair<Position, Spot>> unsynced_;  // records that synced_ does not cover
  Spot end_;
  // What lies behind that place.
  SegmentReader::Remains remains_;  // in its own segment
  std::size_t occupied_after_ = 0;  // later segments that are not empty
};

Status Recovery::open_segments() {
  const auto names = files_.list(directory_);
  if (!names) return tl::unexpected(names.error());
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *names) {
    if (is_temporary(name)) {
      if (Status s = files_.remove(directory_ + "/" + name); !s) return s;
    } else if (const auto number = segment_number(name)) {
      numbers.push_back(*number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  for (const std::uint64_t number : numbers) {
    const std::string path = directory_ + "/" + segment_name(number);
    if (!segments_.empty() && segments_.back().facts.header.number + 1 != number) {
      const std::uint64_t missing = segments_.back().facts.header.number + 1;
      return fail(Code::corrupt,
                  fmt::format("{}/{}: the file is missing", directory_, segment_name(missing)));
    }
    auto file = files_.open(path, false);
    if (!file) return tl::unexpected(file.error());
    const auto header = read_segment_header(**file, path);
    if (!header) return tl::unexpected(header.error());
    if (header->number != number) return damaged(path, 0, "this is another file of a log, renamed");
    if (!segments_.empty() && segments_.front().facts.header.log_id != header->log_id) {
      return damaged(path, 0, "this file belongs to another log");
    }
    segments_.push_back({{.header = *header, .path = path, .last = {}}, std::move(*file)});
  }
  return {};
}

bool Recovery::continues(const RecordHeader& header) const {
  if (!last_) return true;
  switch (header.kind) {
    case Kind::entry:
      return header.position == last_->next();
    case Kind::mark:
    case Kind::clean:
      return header.position == *last_;
    case Kind::base:
      return header.position >= *last_;
  }
  return false;
}

void Recovery::take(const RecordHeader& header, Spot spot) {
  const bool entry = header.kind == Kind::entry;
  if (!last_ || header.kind == Kind::base) {
    first_ = entry ? header.position : header.position.next();
  }
  last_ = header.position;
  clean_ = header.kind == Kind::clean;
  // A record that is no entry is known to be on disk when the entry after it is.
  unsynced_.emplace_back(entry ? header.position : header.position.next(), spot);
  synced_ = std::max(synced_, header.synced);
  while (!unsynced_.empty() && unsynced_.front().first <= synced_) unsynced_.pop_front();
}

Status Recovery::walk_segment(std::size_t index) {
  OpenSegment& segment = segments_[index];
  SegmentReader reader(*segment.file, segment.facts.header);
  end_ = {index, segment_header_bytes};
  while (true) {
    const auto record = reader.at(end_.offset);
    if (!record) return tl::unexpected(record.error());
    if (!*record || !continues((*record)->header)) break;
    take((*record)->header, end_);
    end_.offset = (*record)->end;
  }
  if (last_) segment.facts.last = *last_;
  return {};
}

Status Recovery::walk() {
  if (segments_.front().facts.header.number == 1) {  // nothing was ever trimmed
    last_ = Position{};
    first_ = Position{1};
  }
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Spot before = end_;
    if (Status s = walk_segment(i); !s) return s;
    if (!last_) {
      // One that stayed empty, and whose removal was on its way.
      const auto remains =
          SegmentReader(*segments_[i].file, segments_[i].facts.header).scan(segment_header_bytes);
      if (!remains) return tl::unexpected(remains.error());
      if (!remains->any && i + 1 < segments_.size()) continue;
      // Trimming leaves a synced record in front: this cannot be a power cut's doing.
      return damaged(segments_[i].facts.path, end_.offset, "the oldest record kept is not intact");
    }
    // Nothing here continues the segment before. That one is the end, unless the
    // next does: a segment stays empty when what came then was larger than it.
    if (i > 0 && end_.offset == segment_header_bytes) end_ = before;
  }
  return {};
}

Status Recovery::judge() {
  Position claimed = synced_;
  for (std::size_t i = end_.segment; i < segments_.size(); ++i) {
    const std::uint64_t from = i == end_.segment ? end_.offset : segment_header_bytes;
    const auto remains = SegmentReader(*segments_[i].file, segments_[i].facts.header).scan(from);
    if (!remains) return tl::unexpected(remains.error());
    claimed = std::max(claimed, remains->synced);
    if (i == end_.segment) {
      remains_ = *remains;
    } else if (remains->any) {
      occupied_after_ = i - end_.segment;
    }
  }
  if (claimed > *last_) {
    // Behind a file's last record are zeros: then it is the next file's first.
    const bool here = remains_.any || end_.segment + 1 == segments_.size();
    return damaged(segments_[here ? end_.segment : end_.segment + 1].facts.path,
                   here ? end_.offset : segment_header_bytes,
                   fmt::format("entry {} is not there whole, and what lies behind says that "
                               "everything up to {} was on disk",
                               last_->value + 1, claimed.value));
  }
  return {};
}

Status Recovery::cut_off() {
  OpenSegment& at = segments_[end_.segment];
  if (remains_.any || occupied_after_ > 0) {
    logging::warning(
        "{}: cut off at offset {}, after entry {}: {} bytes{} behind it were not written whole",
        at.facts.path, end_.offset, last_->value, remains_.any ? remains_.end - end_.offset : 0,
        occupied_after_ > 0 ? fmt::format(" and {} files", occupied_after_) : "");
  }
  // From the newest back, each for good before the next: whenever this is cut
  // short, the next start finds no gap.
  while (segments_.size() > end_.segment + 1) {
    if (Status s = files_.remove(segments_.back().facts.path); !s) return s;
    if (Status s = files_.sync_directory(directory_); !s) return s;
    segments_.pop_back();
  }
  const auto size = at.file->size();
  if (!size) return tl::unexpected(size.error());
  const std::uint64_t whole = at.facts.header.bytes;
  bool changed = false;
  if (*size < whole) {
    logging::warning("{}: {} bytes long, made {} long again", at.facts.path, *size, whole);
    // A file system may keep old bytes behind a shortened file's end.
    if (Status s = at.file->allocate(whole); !s) return s;
    if (Status s = write_zeros(*at.file, std::max(*size, end_.offset), whole); !s) return s;
    changed = true;
  }
  if (remains_.any) {
    if (Status s = write_zeros(*at.file, end_.offset, remains_.end); !s) return s;
    changed = true;
  }
  return changed ? at.file->sync() : Status();
}

// The records that no mark covers may be in the kernel's memory only, and if the
// last run ended over a failed sync the kernel may believe them written (Rebello
// et al., USENIX ATC 2020). Written again, this sync says what holds.
Status Recovery::write_again() {
  if (unsynced_.empty()) return {};
  const Spot from = unsynced_.front().second;
  for (std::size_t i = from.segment; i <= end_.segment; ++i) {
    OpenSegment& segment = segments_[i];
    const std::uint64_t start = i == from.segment ? from.offset : segment_header_bytes;
    const std::uint64_t end = i == end_.segment ? end_.offset : segment.facts.header.bytes;
    if (Status s = rewrite(*segment.file, start, end); !s) return s;
    if (Status s = segment.file->sync(); !s) return s;
  }
  return {};
}

Status Recovery::rewrite(File& file, std::uint64_t from, std::uint64_t to) {
  while (from < to) {
    const auto bytes = file.read_at(from, std::min<std::uint64_t>(rewrite_bytes, to - from));
    if (!bytes) return tl::unexpected(bytes.error());
    if (bytes->empty()) return {};
    if (Status s = file.write_at(from, *bytes); !s) return s;
    from += bytes->size();
  }
  return {};
}

std::optional<Recovered> Recovery::result() {
  Recovered out;
  out.active = std::move(segments_[end_.segment].file);
  for (OpenSegment& segment : segments_) out.segments.push_back(std::move(segment.facts));
  out.tail = end_.offset;
  out.first = first_;
  out.last = *last_;
  out.cut = remains_.any || occupied_after_ > 0;
  out.clean = clean_ && !out.cut;  // who knows what those remains were
  return out;
}

}  // namespace

Result<std::optional<Recovered>> recover(FileSystem& files, const std::string& directory) {
  return Recovery(files, directory).run();
}

Status replay(FileSystem& files, const std::deque<Segment>& segments, std::uint64_t tail,
              Position after, const std::function<Status(Position, std::string_view)>& each) {
  std::optional<Position> last;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = segments[i];
    if (segment.last <= after) continue;
    auto file = files.open(segment.path, false);
    if (!file) return tl::unexpected(file.error());
    SegmentReader reader(**file, segment.header);
    std::uint64_t offset = segment_header_bytes;
    const std::uint64_t end = i + 1 == segments.size() ? tail : segment.header.bytes;
    while (offset < end) {
      const auto record = reader.at(offset);
      if (!record) return tl::unexpected(record.error());
      if (!*record) break;
      const RecordHeader& header = (*record)->header;
      if (header.kind == Kind::entry && header.position > after) {
        if (last && header.position != last->next()) break;
        last = header.position;
        if (Status s = each(header.position, (*record)->payload); !s) return s;
      }
      offset = (*record)->end;
    }
    // recover() found it intact; whatever changed since, nothing is skipped.
    if (last != segment.last) return damaged(segment.path, offset, "changed since it was checked");
  }
  return {};
}

}  // namespace holdfast::log_format
