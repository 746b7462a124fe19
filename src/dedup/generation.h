// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "dedup/arena.h"
#include "dedup/filter.h"
#include "dedup/index.h"
#include "dedup/rows.h"
#include "table/store.h"

namespace holdfast::dedup {

/// Ids that were recorded one after the other: in memory, on disk in segments,
/// or both. The youngest generation takes new ids until it is sealed; whole
/// generations leave memory, and in the end the disk, oldest first.
///
/// The parts are, oldest first: segments, then the tail, which is in memory
/// alone. Where an id is there twice, the younger part's outcome counts.
class Generation {
 public:
  struct Segment {
    SegmentMeta meta;
    Filter filter;           // empty: dropped, the disk is asked every time
    bool in_memory = false;  // then `ranges` hold all of it
    std::vector<Arena::Range> ranges;
  };

  Generation(std::uint32_t number, Instant started) : number_(number), started_(started) {}
  Generation(const GenerationMeta& meta);

  std::uint32_t number() const { return number_; }
  Instant started() const { return started_; }
  Instant latest() const { return latest_; }  // the greatest first_applied in it
  bool sealed() const { return sealed_; }
  void seal() { sealed_ = true; }
  std::vector<Segment>& segments() { return segments_; }
  const std::vector<Segment>& segments() const { return segments_; }

  /// `is_new`: it is known that the id is not in this generation's memory.
  void append(const Hash128& hash, std::uint64_t spread, std::uint64_t fingerprint,
              Instant first_applied, bool voided, std::string_view reply, bool is_new);
  /// The outcome in memory; views hold until the next append.
  std::optional<Entry> find_in_memory(const Hash128& hash, std::uint64_t spread) const;
  void prefetch(std::uint64_t spread) const;

  // -- The tail, and what a checkpoint makes of it
  std::uint64_t tail_ids() const { return tail_ids_; }
  /// Takes the tail as it is; later ids are the next one's.
  std::vector<Arena::Range> take_tail();
  /// Puts back what take_tail() gave, when its commit failed.
  void give_back_tail(const std::vector<Arena::Range>& taken);
  /// What is in memory now, whatever is appended later.
  Entries entries() const { return memory_->arena; }

  // -- Memory
  bool in_memory() const { return memory_ != nullptr; }
  std::size_t memory_bytes() const;
  std::size_t filter_bytes() const;
  /// The tail must be empty, every segment's filter there.
  void drop_memory();

  /// Reads a segment's pages into memory until `stop`; can be gone on with.
  template <typename Stop>
  Status load(std::size_t segment, KeyspaceId keyspace, Store& store, std::uint64_t seed,
              Stop&& stop);

 private:
  struct Memory {
    Arena arena;
    Index index;
  };
  Memory& memory();
  /// Adds what a page holds of ids that are not in memory.
  void add_older(const std::vector<Entry>& page, std::uint64_t seed);

  std::uint32_t number_;
  bool sealed_ = false;
  Instant started_;
  Instant latest_{Instant::min()};
  std::vector<Segment> segments_;
  std::unique_ptr<Memory> memory_;
  std::vector<Arena::Range> tail_;  // closed stretches of it, then the open one:
  std::uint64_t open_begin_ = 0;
  std::uint64_t open_ids_ = 0;
  std::uint64_t tail_ids_ = 0;
};

template <typename Stop>
Status Generation::load(std::size_t place, KeyspaceId keyspace, Store& store, std::uint64_t seed,
                        Stop&& stop) {
  std::vector<Entry> entries;
  Status read;
  bool stopped = false;
  const Segment& segment = segments_[place];
  const std::string prefix = segment_prefix(keyspace, {number_, segment.meta.number});
  const auto size_before = memory().index.size();
  // Close the open stretch of the tail: the segment's entries go behind it.
  if (open_ids_ > 0) {
    tail_.push_back({open_begin_, memory().arena.end(), open_ids_});
    open_ids_ = 0;
  }
  const std::uint64_t begin = memory().arena.end();
  Status scanned =
      store.scan(Family::ids, prefix, prefix, [&](std::string_view key, std::string_view page) {
        if (!is_page_key(key)) return true;  // of the filter

        read = read_page(page, entries);
        if (!read) return false;
        add_older(entries, seed);
        stopped = stop();
        return !stopped;
      });
  open_begin_ = memory().arena.end();
  if (open_begin_ > begin) {
    segments_[place].ranges.push_back({begin, open_begin_, memory().index.size() - size_before});
  }
  if (!scanned) return scanned;
  if (!read) return read;
  if (!stopped) segments_[place].in_memory = true;
  return {};
}

}  // namespace holdfast::dedup
