// SPDX-License-Identifier: Apache-2.0
// IdTable's way to the disk and back: checkpoints, loading.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "dedup/id_table_impl.h"

namespace holdfast {

using dedup::Generation;
using dedup::Meta;
using dedup::SegmentName;
using dedup::SegmentWriter;

namespace {

// A generation that takes ids merges its segments as a binary counter does; but
// segments that a restart left behind add up, so past this many all are merged.
constexpr std::size_t segments_max = 12;

}  // namespace

void IdTable::Impl::plan(Generation& generation) {
  if (!generation.in_memory()) return;
  const auto& segments = generation.segments();
  std::size_t absorbed = 0;
  std::uint64_t ids = generation.tail_ids();
  const auto next_in_memory = [&] {
    return absorbed < segments.size() && segments[segments.size() - 1 - absorbed].in_memory;
  };
  if (generation.sealed()) {
    // For the last time, so all in one: a miss then costs one filter.
    while (next_in_memory()) ++absorbed;
    if (ids == 0 && absorbed <= 1) return;
  } else {
    if (ids == 0) return;
    const bool many = segments.size() >= segments_max;
    while (next_in_memory()) {
      const std::uint64_t next = segments[segments.size() - 1 - absorbed].meta.ids;
      if (next > ids && !many) break;
      ids += next;
      ++absorbed;
    }
  }
  for (std::size_t i = segments.size() - absorbed; i < segments.size(); ++i) {
    checkpoint->dead.push_back({generation.number(), segments[i].meta.number});
  }
  checkpoint->writers.emplace_back(keyspace, generation, absorbed, next_segment++,
                                   options.hash_seed);
}

Meta IdTable::Impl::meta_after_commit() const {
  Meta meta{next_generation, next_segment, {}};
  for (const auto& generation : generations) {
    dedup::GenerationMeta& its = meta.generations.emplace_back();
    its.number = generation->number();
    its.sealed = generation->sealed();
    its.started = generation->started();
    its.latest = generation->latest();
    const auto writer =
        std::find_if(checkpoint->writers.begin(), checkpoint->writers.end(),
                     [&](const SegmentWriter& w) { return &w.generation() == generation.get(); });
    const bool writes = writer != checkpoint->writers.end();
    const std::size_t kept = generation->segments().size() - (writes ? writer->absorbed() : 0);
    for (std::size_t i = 0; i < kept; ++i) {
      its.segments.push_back(generation->segments()[i].meta);
    }
    if (writes) its.segments.push_back(writer->meta());
    if (its.segments.empty()) meta.generations.pop_back();
  }
  return meta;
}

Status IdTable::Impl::load_filter(const SegmentName& name, Generation::Segment& segment) {
  dedup::Filter filter(segment.meta.ids);
  for (std::size_t offset = 0; offset < filter.memory_bytes(); offset += dedup::filter_part_bytes) {
    const auto part = store.get(
        Family::ids, dedup::filter_key(keyspace, name, offset / dedup::filter_part_bytes));
    if (!part) return tl::unexpected(part.error());
    const std::size_t wanted = std::min(dedup::filter_part_bytes, filter.memory_bytes() - offset);
    if (!*part || (*part)->size() != wanted || !filter.restore(offset, **part)) {
      return fail(Code::corrupt, "a part of a filter of request ids is missing or cut short");
    }
  }
  segment.filter = std::move(filter);
  return {};
}

void IdTable::begin_checkpoint(CheckpointRows& rows) {
  Impl& impl = *impl_;
  HF_ASSERT(!impl.checkpoint);
  dedup::RunningCheckpoint& checkpoint = impl.checkpoint.emplace();
  checkpoint.dead = impl.dead;
  for (auto& generation : impl.generations) impl.plan(*generation);
  // Most keyspaces never see a request id; they shall cost nothing.
  if (!impl.stored && checkpoint.writers.empty() && !impl.window.moved()) return;
  checkpoint.writes = true;
  rows.put(Family::ids, dedup::meta_key(impl.keyspace),
           dedup::encode_meta(impl.meta_after_commit(), impl.window));
  for (const SegmentName& name : checkpoint.dead) {
    rows.erase_prefix(Family::ids, dedup::segment_prefix(impl.keyspace, name));
  }
  for (const SegmentWriter& writer : checkpoint.writers) writer.put_off_rows(rows);
}

void IdTable::end_checkpoint(bool committed) {
  Impl& impl = *impl_;
  HF_ASSERT(impl.checkpoint);
  for (SegmentWriter& writer : impl.checkpoint->writers) {
    committed ? writer.adopt() : writer.give_back();
  }
  if (committed) {
    impl.dead.clear();
    impl.stored = impl.stored || impl.checkpoint->writes;
  }
  impl.checkpoint.reset();
  impl.recount();
  impl.drop_expired();
  impl.keep_within_budget();
}

Status IdTable::load() {
  Impl& impl = *impl_;
  HF_ASSERT(impl.generations.empty());
  const auto row = impl.store.get(Family::ids, dedup::meta_key(impl.keyspace));
  if (!row) return tl::unexpected(row.error());
  if (!*row) return {};
  impl.stored = true;
  Meta meta;
  if (Status decoded = dedup::decode_meta(**row, meta, impl.window); !decoded) return decoded;
  impl.next_generation = meta.next_generation;
  impl.next_segment = meta.next_segment;
  for (const dedup::GenerationMeta& its : meta.generations) {
    auto& generation = impl.generations.emplace_back(std::make_unique<Generation>(its));
    for (Generation::Segment& segment : generation->segments()) {
      const dedup::SegmentName name{its.number, segment.meta.number};
      if (Status read = impl.load_filter(name, segment); !read) return read;
    }
  }
  impl.recount();
  impl.drop_old_filters();
  return {};
}

Status IdTable::warm(const std::function<bool()>& stop) {
  Impl& impl = *impl_;
  HF_ASSERT(!impl.checkpoint);
  impl.missed.reset();
  const auto full = [&impl] { return impl.memory_bytes() >= impl.options.memory_bytes_max; };
  for (auto it = impl.generations.rbegin(); it != impl.generations.rend(); ++it) {
    Generation& generation = **it;
    for (std::size_t i = generation.segments().size(); i-- > 0;) {
      if (generation.segments()[i].in_memory) continue;
      if (full() || stop()) return {};
      Status loaded = generation.load(i, impl.keyspace, impl.store, impl.options.hash_seed, [&] {
        if (generation.sealed()) impl.recount();
        return full() || stop();
      });
      impl.recount();
      if (!loaded) return loaded;
    }
  }
  return {};
}

}  // namespace holdfast
