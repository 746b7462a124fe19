// SPDX-License-Identifier: Apache-2.0
#include "dedup/segment_writer.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace holdfast::dedup {

SegmentWriter::SegmentWriter(KeyspaceId keyspace, Generation& generation, std::size_t absorbed,
                             std::uint32_t number, std::uint64_t seed)
    : keyspace_(keyspace), generation_(generation), absorbed_(absorbed) {
  const auto& segments = generation.segments();
  HF_ASSERT(absorbed <= segments.size());
  auto& ranges = segment_.ranges;
  for (std::size_t i = segments.size() - absorbed; i < segments.size(); ++i) {
    HF_ASSERT(segments[i].in_memory);
    ranges.insert(ranges.end(), segments[i].ranges.begin(), segments[i].ranges.end());
  }
  tail_ = generation.take_tail();
  ranges.insert(ranges.end(), tail_.begin(), tail_.end());
  std::uint64_t ids = 0;
  std::uint64_t bytes = 0;
  for (const Arena::Range& range : ranges) {
    ids += range.entries;
    bytes += range.end - range.begin;
  }
  segment_.meta = {.number = number, .pages = pages_for(ids), .ids = ids, .seed = seed};
  segment_.filter = Filter(ids);
  segment_.in_memory = true;
  pages_.resize(segment_.meta.pages);
  // An eighth over the mean: most pages are then built without growing.
  page_bytes_ = static_cast<std::size_t>(bytes / segment_.meta.pages * 9 / 8 + 64);
}

void SegmentWriter::put(std::uint64_t hash, const Entry& entry) {
  segment_.filter.add(hash);
  std::string& page = pages_[page_of(hash, segment_.meta.pages)];
  if (page.empty()) {
    page.reserve(page_bytes_);
    start_page(page, generation_.started());
  }
  append_entry(page, generation_.started(), entry);
}

bool SegmentWriter::slice(CheckpointRows& rows, std::size_t max_ids) {
  // Each id goes to places of its own in the filter and among the pages: while
  // they come, the ids before it are put.
  struct Ahead {
    std::uint64_t hash;
    Entry entry;
  };
  std::array<Ahead, 16> ahead;
  while (max_ids > 0 && range_ < segment_.ranges.size()) {
    const Arena::Range& range = segment_.ranges[range_];
    std::size_t read = 0;
    offset_ = generation_.arena().walk(
        range, std::max(offset_, range.begin), max_ids, [&](const Entry& entry) {
          const std::uint64_t hash = spread(entry.hash, segment_.meta.seed);
          segment_.filter.prefetch(hash);
          __builtin_prefetch(&pages_[page_of(hash, segment_.meta.pages)]);
          Ahead& place = ahead[read % ahead.size()];
          if (read >= ahead.size()) put(place.hash, place.entry);
          place = {hash, entry};
          ++read;
        });
    for (std::size_t i = read - std::min(read, ahead.size()); i < read; ++i)
      put(ahead[i % ahead.size()].hash, ahead[i % ahead.size()].entry);
    max_ids -= read;
    if (offset_ == range.end) {
      ++range_;
      offset_ = 0;
    }
  }
  if (range_ < segment_.ranges.size()) return false;
  const SegmentName name{generation_.number(), segment_.meta.number};
  for (; next_page_ < segment_.meta.pages; ++next_page_) {
    if (max_ids == 0) return false;
    std::string& page = pages_[next_page_];
    if (page.empty()) continue;
    rows.put(Family::ids, page_key(keyspace_, name, next_page_), page);
    page = {};
    max_ids -= std::min<std::size_t>(max_ids, ids_per_page);
  }
  pages_ = {};
  const std::string_view filter = segment_.filter.bytes();
  if (filter_put_ < filter.size()) {
    rows.put(Family::ids, filter_key(keyspace_, name, filter_put_ / filter_part_bytes),
             filter.substr(filter_put_, filter_part_bytes));
    filter_put_ += filter_part_bytes;
  }
  return filter_put_ >= filter.size();
}

void SegmentWriter::adopt() {
  auto& segments = generation_.segments();
  segments.resize(segments.size() - absorbed_);
  segments.push_back(std::move(segment_));
}

void SegmentWriter::give_back() {
  generation_.give_back_tail(tail_);
}

}  // namespace holdfast::dedup
