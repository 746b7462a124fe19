// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "dedup/generation.h"
#include "table/store.h"

namespace holdfast::dedup {

/// Writes one new segment of a generation from its memory, a slice at a time:
/// the tail, together with the segments that it replaces.
class SegmentWriter {
 public:
  /// `absorbed`: how many of the generation's last segments the new one takes
  /// in; they must be in memory. Takes the tail.
  SegmentWriter(KeyspaceId keyspace, Generation& generation, std::size_t absorbed,
                std::uint32_t number, std::uint64_t seed);

  Generation& generation() const { return generation_; }
  const SegmentMeta& meta() const { return segment_.meta; }
  /// How many segments are taken in.
  std::size_t absorbed() const { return absorbed_; }

  /// Handles up to `max_ids`; true when all rows are there.
  bool slice(CheckpointRows& rows, std::size_t max_ids);
  /// The commit held: the generation has the new segment.
  void adopt();
  /// It did not: the tail is as before.
  void give_back();

 private:
  void put(std::uint64_t hash, const Entry& entry);

  KeyspaceId keyspace_;
  Generation& generation_;
  std::size_t absorbed_;
  Generation::Segment segment_;
  std::vector<Arena::Range> tail_;
  std::vector<std::string> pages_;
  std::size_t page_bytes_ = 0;   // expected
  std::size_t range_ = 0;        // being read
  std::uint64_t offset_ = 0;     // in it, 0: at its begin
  std::size_t filter_put_ = 0;   // bytes of it
  std::uint32_t next_page_ = 0;  // to be put
};

}  // namespace holdfast::dedup
