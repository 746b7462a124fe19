// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dedup/generation.h"
#include "dedup/id_table.h"
#include "dedup/rows.h"
#include "dedup/segment_writer.h"
#include "dedup/window.h"

namespace holdfast {

namespace dedup {

struct RunningCheckpoint {
  std::vector<SegmentWriter> writers;
  std::vector<SegmentName> dead;  // on disk, needed by nobody once this is there
  bool writes = false;            // anything at all
};

}  // namespace dedup

struct IdTable::Impl {
  Impl(KeyspaceId its_keyspace, Store& its_store, Options its_options)
      : keyspace(its_keyspace), store(its_store), options(its_options) {
    window.set_retain(options.retain);
  }

  // -- Finding
  std::optional<Outcome> find(const IdKey& id, Instant now);
  std::optional<Outcome> find_on_disk(const dedup::Generation& generation, const IdKey& id,
                                      std::uint64_t spread);
  std::optional<Outcome> find_in_segment(const dedup::Generation& generation,
                                         const dedup::Generation::Segment& segment, const IdKey& id,
                                         std::uint64_t spread);
  std::uint64_t spread(const IdKey& id) const { return dedup::spread(id.hash, options.hash_seed); }

  // -- Recording
  void record(const IdKey& id, std::uint64_t fingerprint, Instant first_applied,
              std::string_view reply, bool voided);
  dedup::Generation& youngest(Instant now);

  // -- Leaving
  void seal_youngest();
  void drop_expired();
  void keep_within_budget();
  void drop_old_filters();
  std::size_t generation_bytes_max() const;
  std::size_t memory_bytes() const;

  // -- Checkpoints
  void plan(dedup::Generation& generation);
  dedup::Meta meta_after_commit() const;
  Status load_filter(const dedup::SegmentName& name, dedup::Generation::Segment& segment);
  void recount();

  KeyspaceId keyspace;
  Store& store;
  Options options;
  dedup::Window window;
  std::vector<std::unique_ptr<dedup::Generation>>
      generations;                       // oldest first; the last may take ids
  std::vector<dedup::SegmentName> dead;  // on disk still, needed by nobody
  std::uint32_t next_generation = 1;
  std::uint32_t next_segment = 1;
  // Of all generations but the one that takes ids, kept because record() asks.
  std::size_t settled_bytes = 0;
  std::size_t filter_bytes = 0;
  // What find() has just not found anywhere: record() nearly always comes next
  // with the same id, and need not look again.
  std::optional<IdKey> missed;
  bool stored = false;  // there is a row of it in the store

  std::optional<dedup::RunningCheckpoint> checkpoint;
};

}  // namespace holdfast
