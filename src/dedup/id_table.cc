// SPDX-License-Identifier: Apache-2.0
#include "dedup/id_table.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/assert.h"
#include "base/logging.h"
#include "dedup/generation.h"
#include "dedup/rows.h"
#include "dedup/segment_writer.h"
#include "dedup/window.h"

namespace holdfast {

using dedup::Entry;
using dedup::Generation;
using dedup::Meta;
using dedup::SegmentName;
using dedup::SegmentWriter;

IdKey make_id_key(ServiceId caller, std::string_view request_id) {
  return {hash128(request_id, caller.value)};
}

namespace {

// Beyond what its reply takes, an id counts this much: its entry and its
// place in the index, rounded up so that it stays true if they change.
constexpr std::uint64_t id_bytes = 48;

// Below this a generation is not worth its own files and filters.
constexpr std::size_t generation_bytes_min = 4096;

// A generation that takes ids merges its segments as a binary counter does; but
// segments that a restart left behind add up, so past this many all are merged.
constexpr std::size_t segments_max = 12;

Outcome outcome_of(const Entry& entry) {
  Outcome outcome{entry.fingerprint, entry.first_applied, entry.voided, {}};
  outcome.reply.reserve(entry.reply_size());
  entry.append_reply(outcome.reply);
  return outcome;
}

[[noreturn]] void cannot_read(const Error& error) {
  logging::error(
      "request ids cannot be read from disk; stopping, because to go on could apply an "
      "operation twice error=\"{}\"",
      error.message);
  std::abort();
}

}  // namespace

struct IdTable::Impl {
  Impl(KeyspaceId its_keyspace, Store& its_store, Options its_options)
      : keyspace(its_keyspace), store(its_store), options(its_options) {
    window.set_retain(options.retain);
  }

  // -- Finding
  std::optional<Outcome> find(const IdKey& id, Instant now);
  std::optional<Outcome> find_on_disk(const Generation& generation, const IdKey& id,
                                      std::uint64_t spread);
  std::optional<Outcome> find_in_segment(const Generation& generation,
                                         const Generation::Segment& segment, const IdKey& id,
                                         std::uint64_t spread);
  std::uint64_t spread(const IdKey& id) const { return dedup::spread(id.hash, options.hash_seed); }

  // -- Recording
  void record(const IdKey& id, std::uint64_t fingerprint, Instant first_applied,
              std::string_view reply, bool voided);
  Generation& youngest(Instant now);

  // -- Leaving
  void seal_youngest();
  void drop_expired();
  void keep_within_budget();
  void drop_old_filters();
  std::size_t generation_bytes_max() const;
  std::size_t memory_bytes() const;

  // -- Checkpoints
  void plan(Generation& generation);
  Meta meta_after_commit() const;
  void recount();

  KeyspaceId keyspace;
  Store& store;
  Options options;
  dedup::Window window;
  std::vector<std::unique_ptr<Generation>> generations;  // oldest first; the last may take ids
  std::vector<SegmentName> dead;                         // on disk still, needed by nobody
  std::uint32_t next_generation = 1;
  std::uint32_t next_segment = 1;
  // Of all generations but the one that takes ids, kept because record() asks.
  std::size_t settled_bytes = 0;
  std::size_t filter_bytes = 0;
  // What find() has just not found anywhere: record() nearly always comes next
  // with the same id, and need not look again.
  std::optional<IdKey> missed;
  bool stored = false;  // there is a row of it in the store

  struct Checkpoint {
    std::string meta;  // of the moment it began
    bool started = false;
    std::vector<SegmentWriter> writers;
    std::size_t writer = 0;
    std::vector<SegmentName> dead;
  };
  std::optional<Checkpoint> checkpoint;
};

// -- Finding

std::optional<Outcome> IdTable::Impl::find(const IdKey& id, Instant now) {
  const std::uint64_t hash = spread(id);
  if (generations.size() > 1) {
    // The lines of all generations come from memory at once, not one by one.
    for (const auto& generation : generations) generation->prefetch(hash);
  }
  // The youngest outcome decides, also when it is past its window: an older
  // one is what it replaced.
  for (auto it = generations.rbegin(); it != generations.rend(); ++it) {
    const Generation& generation = **it;
    if (const auto entry = generation.find_in_memory(id.hash, hash)) {
      if (window.is_gone(entry->first_applied, now)) return std::nullopt;
      return outcome_of(*entry);
    }
    if (auto outcome = find_on_disk(generation, id, hash)) {
      if (window.is_gone(outcome->first_applied, now)) return std::nullopt;
      return outcome;
    }
  }
  missed = id;
  return std::nullopt;
}

std::optional<Outcome> IdTable::Impl::find_on_disk(const Generation& generation, const IdKey& id,
                                                   std::uint64_t spread) {
  const auto& segments = generation.segments();
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (segment->in_memory) continue;
    const std::uint64_t its_spread = segment->meta.seed == options.hash_seed
                                         ? spread
                                         : dedup::spread(id.hash, segment->meta.seed);
    if (!segment->filter.empty() && !segment->filter.may_have(its_spread)) continue;
    if (auto outcome = find_in_segment(generation, *segment, id, its_spread)) return outcome;
  }
  return std::nullopt;
}

std::optional<Outcome> IdTable::Impl::find_in_segment(const Generation& generation,
                                                      const Generation::Segment& segment,
                                                      const IdKey& id, std::uint64_t spread) {
  const auto page =
      store.get(Family::ids, dedup::page_key(keyspace, {generation.number(), segment.meta.number},
                                             dedup::page_of(spread, segment.meta.pages)));
  if (!page) cannot_read(page.error());
  if (!*page) return std::nullopt;  // no id fell into it
  std::vector<Entry> entries;
  if (const Status read = dedup::read_page(**page, entries); !read) cannot_read(read.error());
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->hash == id.hash) return outcome_of(*entry);
  }
  return std::nullopt;
}

// -- Recording

Generation& IdTable::Impl::youngest(Instant now) {
  if (generations.empty() || generations.back()->sealed()) {
    generations.push_back(std::make_unique<Generation>(next_generation++, now));
  }
  return *generations.back();
}

void IdTable::Impl::record(const IdKey& id, std::uint64_t fingerprint, Instant first_applied,
                           std::string_view reply, bool voided) {
  Generation& generation = youngest(first_applied);
  const bool is_new = missed && *missed == id;
  missed.reset();
  generation.append(id.hash, spread(id), fingerprint, first_applied, voided, reply, is_new);
  window.add(first_applied, id_bytes + reply.size());
  if (generation.memory_bytes() >= generation_bytes_max()) {
    seal_youngest();
    keep_within_budget();
  }
}

// -- Leaving

std::size_t IdTable::Impl::memory_bytes() const {
  std::size_t bytes = settled_bytes;
  if (!generations.empty() && !generations.back()->sealed()) {
    bytes += generations.back()->memory_bytes();
  }
  return bytes;
}

std::size_t IdTable::Impl::generation_bytes_max() const {
  // Two of them share what filters leave, but never less than half the budget.
  const std::size_t filters = std::min(filter_bytes, options.memory_bytes_max / 2);
  return std::max((options.memory_bytes_max - filters) / 2, generation_bytes_min);
}

void IdTable::Impl::recount() {
  settled_bytes = 0;
  filter_bytes = 0;
  for (const auto& generation : generations) {
    filter_bytes += generation->filter_bytes();
    if (generation->sealed()) settled_bytes += generation->memory_bytes();
  }
}

void IdTable::Impl::seal_youngest() {
  generations.back()->seal();
  recount();
}

void IdTable::Impl::drop_expired() {
  if (checkpoint) return;  // its writers refer to generations; the end of it comes back here
  if (!generations.empty() && !generations.back()->sealed() &&
      generations.back()->latest() <= window.horizon()) {
    generations.back()->seal();
  }
  // Oldest first and no other: an outcome that replaced an older one must not
  // leave before it.
  bool dropped = false;
  while (!generations.empty() && generations.front()->sealed() &&
         generations.front()->latest() <= window.horizon()) {
    const Generation& gone = *generations.front();
    for (const Generation::Segment& segment : gone.segments()) {
      dead.push_back({gone.number(), segment.meta.number});
    }
    generations.erase(generations.begin());
    dropped = true;
  }
  if (dropped) recount();
}

void IdTable::Impl::keep_within_budget() {
  if (checkpoint) return;
  for (auto& generation : generations) {
    if (memory_bytes() <= options.memory_bytes_max) return;
    if (!generation->sealed() || !generation->in_memory()) continue;
    if (generation->tail_ids() > 0) break;  // in order, so that what stays in memory is the newest
    generation->drop_memory();
    recount();
    drop_old_filters();
  }
}

void IdTable::Impl::drop_old_filters() {
  for (auto& generation : generations) {
    for (Generation::Segment& segment : generation->segments()) {
      if (filter_bytes <= options.memory_bytes_max / 2) return;
      if (segment.in_memory || segment.filter.empty()) continue;
      segment.filter = {};
      recount();
    }
  }
}

// -- Checkpoints

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

// -- IdTable

IdTable::IdTable(KeyspaceId keyspace, Store& store, Options options)
    : impl_(std::make_unique<Impl>(keyspace, store, options)) {}
IdTable::~IdTable() = default;

void IdTable::set_retain(Millis retain) {
  impl_->window.set_retain(retain);
}

std::optional<Outcome> IdTable::find(const IdKey& id, Instant now) {
  return impl_->find(id, now);
}

void IdTable::prefetch(const IdKey& id) const {
  const std::uint64_t spread = impl_->spread(id);
  for (const auto& generation : impl_->generations) generation->prefetch(spread);
}

void IdTable::record(const IdKey& id, std::uint64_t fingerprint, Instant now,
                     std::string_view reply, bool voided) {
  impl_->record(id, fingerprint, now, reply, voided);
}

void IdTable::replace(const IdKey& id, std::uint64_t fingerprint, Instant first_applied,
                      std::string_view reply) {
  impl_->record(id, fingerprint, first_applied, reply, false);
}

void IdTable::expire(Instant now) {
  Impl& impl = *impl_;
  impl.window.expire(now);
  if (impl.generations.empty()) return;
  // A generation that spans half the window: then at most half again as much
  // as needed is kept, and a miss asks three generations.
  const Generation& youngest = *impl.generations.back();
  if (!youngest.sealed() && now - youngest.started() >= impl.window.retain() / 2) {
    impl.seal_youngest();
  }
  if (impl.generations.front()->latest() <= impl.window.horizon()) impl.drop_expired();
}

Instant IdTable::horizon() const {
  return impl_->window.horizon();
}
std::uint64_t IdTable::size() const {
  return impl_->window.ids();
}
std::uint64_t IdTable::total_bytes() const {
  return impl_->window.bytes();
}
std::size_t IdTable::memory_bytes() const {
  return impl_->memory_bytes();
}

bool IdTable::wants_checkpoint() const {
  const Impl& impl = *impl_;
  if (impl.memory_bytes() < impl.options.memory_bytes_max / 2) return false;
  return std::any_of(impl.generations.begin(), impl.generations.end(),
                     [](const auto& g) { return g->sealed() && g->tail_ids() > 0; });
}

void IdTable::begin_checkpoint() {
  Impl& impl = *impl_;
  HF_ASSERT(!impl.checkpoint);
  impl.checkpoint.emplace();
  impl.checkpoint->dead = impl.dead;
  for (auto& generation : impl.generations) impl.plan(*generation);
  if (impl.stored || !impl.checkpoint->writers.empty() || impl.window.moved()) {
    impl.checkpoint->meta = dedup::encode_meta(impl.meta_after_commit(), impl.window);
  }
}

bool IdTable::checkpoint_slice(CheckpointRows& rows, std::size_t max_ids) {
  Impl& impl = *impl_;
  HF_ASSERT(impl.checkpoint && max_ids > 0);
  Impl::Checkpoint& checkpoint = *impl.checkpoint;
  if (!std::exchange(checkpoint.started, true)) {
    // Most keyspaces never see a request id; they shall cost nothing.
    if (checkpoint.meta.empty()) return true;
    rows.put(Family::ids, dedup::meta_key(impl.keyspace), checkpoint.meta);
    for (const SegmentName& name : checkpoint.dead) {
      rows.erase_prefix(Family::ids, dedup::segment_key(impl.keyspace, name));
    }
  }
  if (checkpoint.writer < checkpoint.writers.size() &&
      checkpoint.writers[checkpoint.writer].slice(rows, max_ids)) {
    ++checkpoint.writer;
  }
  return checkpoint.writer == checkpoint.writers.size();
}

void IdTable::end_checkpoint(bool committed) {
  Impl& impl = *impl_;
  HF_ASSERT(impl.checkpoint);
  for (SegmentWriter& writer : impl.checkpoint->writers) {
    committed ? writer.adopt() : writer.give_back();
  }
  if (committed) {
    impl.dead.clear();
    impl.stored = impl.stored || !impl.checkpoint->meta.empty();
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
      const auto filter = impl.store.get(
          Family::ids, dedup::segment_key(impl.keyspace, {its.number, segment.meta.number}));
      if (!filter) return tl::unexpected(filter.error());
      if (*filter) segment.filter = dedup::Filter::decode(**filter);
      if (segment.filter.empty()) {
        return fail(Code::corrupt, "the filter of a segment of request ids is missing");
      }
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
      const Status loaded =
          generation.load(i, impl.keyspace, impl.store, impl.options.hash_seed, [&] {
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
