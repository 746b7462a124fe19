// SPDX-License-Identifier: Apache-2.0
#include "dedup/id_table.h"

#include <algorithm>
#include <cstdlib>

#include "base/backwards.h"
#include "base/logging.h"
#include "dedup/id_table_impl.h"

namespace holdfast {

using dedup::Entry;
using dedup::Generation;

IdKey make_id_key(ServiceId caller, std::string_view request_id) {
  return {hash128(request_id, caller.value)};
}

namespace {

// Beyond what its reply takes, an id counts this much: its entry and its
// place in the index, rounded up so that it stays true if they change.
constexpr std::uint64_t id_bytes = 48;

// Below this a generation is not worth its own files and filters.
constexpr std::size_t generation_bytes_min = 4096;

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

// -- Finding

std::optional<Outcome> IdTable::Impl::find(const IdKey& id, Instant now) {
  const std::uint64_t hash = spread(id);
  if (generations.size() > 1) {
    // The lines of all generations come from memory at once, not one by one.
    for (const auto& generation : generations) generation->prefetch(hash);
  }
  // The youngest outcome decides, also when it is past its window: an older
  // one is what it replaced.
  for (const auto& each : backwards(generations)) {
    const Generation& generation = *each;
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
  for (const Generation::Segment& segment : backwards(generation.segments())) {
    if (segment.in_memory) continue;
    const std::uint64_t its_spread =
        segment.meta.seed == options.hash_seed ? spread : dedup::spread(id.hash, segment.meta.seed);
    if (!segment.filter.empty() && !segment.filter.may_have(its_spread)) continue;
    if (auto outcome = find_in_segment(generation, segment, id, its_spread)) return outcome;
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
  for (const Entry& entry : backwards(entries)) {
    if (entry.hash == id.hash) return outcome_of(entry);
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
    seal_youngest();
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

}  // namespace holdfast
