// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/units.h"
#include "dedup/generation.h"
#include "table/store.h"

namespace holdfast::dedup {

/// One new segment of a generation, written from its memory: the tail, together
/// with the segments that it replaces. Rows are made by the thread that commits
/// (CheckpointRows::put_off): an id costs its owner's thread nothing more.
class SegmentWriter {
 public:
  /// `absorbed`: how many of the generation's last segments the new one takes
  /// in; they must be in memory. Takes the tail.
  SegmentWriter(KeyspaceId keyspace, Generation& generation, std::size_t absorbed,
                std::uint32_t number, std::uint64_t seed);
  ~SegmentWriter();
  SegmentWriter(SegmentWriter&&) noexcept;
  SegmentWriter& operator=(SegmentWriter&&) = delete;

  Generation& generation() const { return generation_; }
  const SegmentMeta& meta() const;
  /// How many segments are taken in.
  std::size_t absorbed() const { return absorbed_; }

  /// O(chunks of memory). Once.
  void put_off_rows(CheckpointRows& rows) const;
  /// The commit held: the generation has the new segment.
  void adopt();
  /// It did not: the tail is as before.
  void give_back();

 private:
  struct Build;

  Generation& generation_;
  std::size_t absorbed_;
  std::vector<Arena::Range> tail_;
  std::shared_ptr<Build> build_;  // the committing thread's from commit to its end
};

}  // namespace holdfast::dedup
