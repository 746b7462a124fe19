// SPDX-License-Identifier: Apache-2.0
#include "dedup/generation.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/backwards.h"

namespace holdfast::dedup {

Generation::Generation(const GenerationMeta& meta)
    : number_(meta.number), sealed_(meta.sealed), started_(meta.started), latest_(meta.latest) {
  for (const SegmentMeta& segment : meta.segments) {
    segments_.push_back({segment, {}, false, {}});
  }
}

Generation::Memory& Generation::memory() {
  if (memory_ == nullptr) memory_ = std::make_unique<Memory>();
  return *memory_;
}

void Generation::append(const Hash128& hash, std::uint64_t spread, std::uint64_t fingerprint,
                        Instant first_applied, bool voided, std::string_view reply, bool is_new) {
  Memory& to = memory();
  if (open_ids_ == 0) open_begin_ = to.arena.end();
  const Ref ref = to.arena.append(hash, fingerprint, first_applied, voided, reply);
  const Ref old =
      is_new ? 0 : to.index.find(spread, [&](Ref there) { return to.arena.is(there, hash); });
  if (old == 0) {
    to.index.insert(spread, ref);
  } else {
    to.index.repoint(spread, old, ref);
  }
  latest_ = std::max(latest_, first_applied);
  ++open_ids_;
  ++tail_ids_;
}

std::optional<Entry> Generation::find_in_memory(const Hash128& hash, std::uint64_t spread) const {
  if (memory_ == nullptr) return std::nullopt;
  const Ref ref =
      memory_->index.find(spread, [&](Ref there) { return memory_->arena.is(there, hash); });
  if (ref == 0) return std::nullopt;
  return memory_->arena.read(ref);
}

void Generation::prefetch(std::uint64_t spread) const {
  if (memory_ != nullptr) memory_->index.prefetch(spread);
  for (const Segment& segment : segments_) {
    if (!segment.in_memory && !segment.filter.empty()) segment.filter.prefetch(spread);
  }
}

std::vector<Arena::Range> Generation::take_tail() {
  if (open_ids_ > 0) tail_.push_back({open_begin_, memory().arena.end(), open_ids_});
  open_ids_ = 0;
  tail_ids_ = 0;
  return std::exchange(tail_, {});
}

void Generation::give_back_tail(const std::vector<Arena::Range>& taken) {
  tail_.insert(tail_.begin(), taken.begin(), taken.end());
  for (const Arena::Range& range : taken) tail_ids_ += range.entries;
}

std::size_t Generation::memory_bytes() const {
  std::size_t bytes = filter_bytes();
  if (memory_ != nullptr) bytes += memory_->arena.memory_bytes() + memory_->index.memory_bytes();
  return bytes;
}

std::size_t Generation::filter_bytes() const {
  std::size_t bytes = 0;
  for (const Segment& segment : segments_) bytes += segment.filter.memory_bytes();
  return bytes;
}

void Generation::drop_memory() {
  HF_ASSERT(tail_ids_ == 0);
  memory_ = nullptr;
  for (Segment& segment : segments_) {
    segment.in_memory = false;
    segment.ranges.clear();
  }
}

void Generation::add_older(const std::vector<Entry>& page, std::uint64_t seed) {
  Memory& to = memory();
  // Backwards: of an id that is there twice the last counts.
  for (const Entry& entry : backwards(page)) {
    const std::uint64_t hash = spread(entry.hash, seed);
    if (to.index.find(hash, [&](Ref there) { return to.arena.is(there, entry.hash); }) != 0) {
      continue;
    }
    to.index.insert(hash, to.arena.append(entry.hash, entry.fingerprint, entry.first_applied,
                                          entry.voided, entry.stored_reply));
  }
}

}  // namespace holdfast::dedup
