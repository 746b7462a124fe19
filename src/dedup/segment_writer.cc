// SPDX-License-Identifier: Apache-2.0
#include "dedup/segment_writer.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/assert.h"

namespace holdfast::dedup {

// What the rows are made of. It shares the memory of the entries and nothing else
// with its generation, which may be gone when its rows are made.
struct SegmentWriter::Build {
  KeyspaceId keyspace;
  SegmentName name;
  Instant started;
  Entries memory;
  Generation::Segment segment;  // its filter comes with the rows
  bool built = false;

  std::uint64_t bytes() const;
  void put_rows(CheckpointRows& rows);

 private:
  std::vector<std::string> make_pages();
  std::uint32_t page_for(std::uint64_t hash) const { return page_of(hash, segment.meta.pages); }
};

std::uint64_t SegmentWriter::Build::bytes() const {
  std::uint64_t bytes = 0;
  for (const Arena::Range& range : segment.ranges) bytes += range.end - range.begin;
  return bytes;
}

std::vector<std::string> SegmentWriter::Build::make_pages() {
  std::vector<std::string> pages(segment.meta.pages);
  // An eighth over the mean: most pages are then built without growing.
  const auto page_bytes = static_cast<std::size_t>(bytes() / segment.meta.pages * 9 / 8 + 64);
  struct Ahead {  // an id that was read, and is put when some more have been
    std::uint64_t hash;
    Ref ref;
  };
  std::string encoded;
  const auto put = [&](const Ahead& id) {
    segment.filter.add(id.hash);
    std::string& page = pages[page_for(id.hash)];
    if (page.empty()) {
      page.reserve(page_bytes);
      start_page(page, started);
    }
    encoded.clear();
    append_entry(encoded, started, memory.read(id.ref));
    page += encoded;
  };

  // Each id goes to places of its own in the filter and among the pages: while
  // they come, the ids before it are put.
  std::array<Ahead, 16> ahead{};
  constexpr std::size_t near = ahead.size() / 2;
  std::size_t read = 0;
  for (const Arena::Range& range : segment.ranges) {
    memory.walk(range, [&](const Entry& entry, Ref ref) {
      const std::uint64_t hash = spread(entry.hash, segment.meta.seed);
      segment.filter.prefetch(hash);
      __builtin_prefetch(&pages[page_for(hash)]);
      if (read >= near) {
        const std::string& page = pages[page_for(ahead[(read - near) % ahead.size()].hash)];
        __builtin_prefetch(page.data() + page.size(), 1);
      }
      Ahead& place = ahead[read % ahead.size()];
      if (read >= ahead.size()) put(place);
      place = {hash, ref};
      ++read;
    });
  }
  for (std::size_t i = read - std::min(read, ahead.size()); i < read; ++i)
    put(ahead[i % ahead.size()]);
  return pages;
}

void SegmentWriter::Build::put_rows(CheckpointRows& rows) {
  segment.filter = Filter(segment.meta.ids);
  std::vector<std::string> pages = make_pages();
  for (std::uint32_t page = 0; page < pages.size(); ++page) {
    if (pages[page].empty()) continue;
    rows.put(Family::ids, page_key(keyspace, name, page), pages[page]);
    pages[page] = {};
  }
  const std::string_view filter = segment.filter.bytes();
  for (std::size_t at = 0; at < filter.size(); at += filter_part_bytes) {
    rows.put(Family::ids, filter_key(keyspace, name, at / filter_part_bytes),
             filter.substr(at, filter_part_bytes));
  }
  memory = {};
  built = true;
}

SegmentWriter::SegmentWriter(KeyspaceId keyspace, Generation& generation, std::size_t absorbed,
                             std::uint32_t number, std::uint64_t seed)
    : generation_(generation),
      absorbed_(absorbed),
      tail_(generation.take_tail()),
      build_(std::make_shared<Build>()) {
  const auto& segments = generation.segments();
  HF_ASSERT(absorbed <= segments.size());
  Build& build = *build_;
  build.keyspace = keyspace;
  build.name = {generation.number(), number};
  build.started = generation.started();
  build.memory = generation.entries();
  auto& ranges = build.segment.ranges;
  for (std::size_t i = segments.size() - absorbed; i < segments.size(); ++i) {
    HF_ASSERT(segments[i].in_memory);
    ranges.insert(ranges.end(), segments[i].ranges.begin(), segments[i].ranges.end());
  }
  ranges.insert(ranges.end(), tail_.begin(), tail_.end());
  std::uint64_t ids = 0;
  for (const Arena::Range& range : ranges) ids += range.entries;
  build.segment.meta = {.number = number, .pages = pages_for(ids), .ids = ids, .seed = seed};
  build.segment.in_memory = true;
}

SegmentWriter::~SegmentWriter() = default;
SegmentWriter::SegmentWriter(SegmentWriter&&) noexcept = default;

const SegmentMeta& SegmentWriter::meta() const {
  return build_->segment.meta;
}

void SegmentWriter::put_off_rows(CheckpointRows& rows) const {
  rows.put_off(build_->bytes(), [build = build_](CheckpointRows& to) { build->put_rows(to); });
}

void SegmentWriter::adopt() {
  HF_ASSERT(build_->built);
  auto& segments = generation_.segments();
  segments.resize(segments.size() - absorbed_);
  segments.push_back(std::move(build_->segment));
}

void SegmentWriter::give_back() {
  generation_.give_back_tail(tail_);
}

}  // namespace holdfast::dedup
