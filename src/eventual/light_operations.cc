// SPDX-License-Identifier: Apache-2.0
#include "eventual/light_operations.h"

#include <absl/hash/hash.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.h"
#include "base/wire.h"

namespace holdfast::eventual {
namespace {

// How many origins' turns at a key saw_all() looks at.
constexpr int turns_max = 32;

}  // namespace

std::uint64_t LightOperations::hash_of(KeyspaceId keyspace, std::string_view key) {
  return absl::HashOf(keyspace.value, key);
}

void LightOperations::prefetch(KeyspaceId keyspace, std::string_view key) const {
  keys_.prefetch(hash_of(keyspace, key));
}

LightOperations::Place LightOperations::next_place() const {
  if (runs_.empty()) return Place::of(first_run_, 0);
  return Place::of(first_run_ + runs_.size() - 1, runs_.back().effects.size());
}

// With its id and what follows that.
std::string_view LightOperations::bytes_of(const Run& run, const Effect& effect) {
  const std::size_t next = static_cast<std::size_t>(&effect - run.effects.data()) + 1;
  const std::size_t end = next < run.effects.size() ? run.effects[next].offset : run.bytes.size();
  return std::string_view(run.bytes).substr(effect.offset, end - effect.offset);
}

LightOperations::Operation LightOperations::read(const Run& run, const Effect& effect,
                                                 std::string_view bytes) {
  Operation out{.dot = {run.origin, effect.sequence},
                .time = effect.time,
                .seen = run.seen,
                .index = effect.index,
                .found = effect.found};
  EffectReader reader(bytes);
  const bool whole = reader.next(out.effect);
  HF_ASSERT(whole);
  if (effect.id_offset != 0) read_id(effect, bytes, out);
  return out;
}

void LightOperations::read_id(const Effect& effect, std::string_view bytes, Operation& out) {
  wire::Reader in(bytes.substr(effect.id_offset - effect.offset));
  out.has_id = true;
  out.id.hash.high = in.u64();
  out.id.hash.low = in.u64();
  out.fingerprint = in.u64();
  out.reply = in.bytes();
}

std::string_view LightOperations::key_of(const Run& run, const Effect& effect) {
  EffectReader reader(std::string_view(run.bytes).substr(effect.offset));
  MergedEffect merged;
  reader.next(merged);
  return merged.effect.key;
}

std::optional<LightOperations::Place> LightOperations::find(std::uint64_t hash,
                                                            std::string_view key) const {
  const auto it = keys_.find(hash);
  if (it == keys_.end()) return std::nullopt;
  const Place latest = it->second.latest;
  if (key_of(run_of(latest), effect_at(latest)) != key) return std::nullopt;
  return latest;
}

void LightOperations::prefetch(KeyspaceId keyspace, const IdKey& id) const {
  if (!ids_.empty()) ids_.prefetch(IdHere(keyspace.value, id));
}

std::optional<LightOperations::Place> LightOperations::find(KeyspaceId keyspace,
                                                            const IdKey& id) const {
  if (ids_.empty()) return std::nullopt;
  const auto it = ids_.find(IdHere(keyspace.value, id));
  return it == ids_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<std::string_view> LightOperations::key_of(KeyspaceId keyspace,
                                                        const IdKey& id) const {
  const std::optional<Place> place = find(keyspace, id);
  if (!place) return std::nullopt;
  return key_of(run_of(*place), effect_at(*place));
}

std::optional<LightOperations::Answer> LightOperations::answer_of(KeyspaceId keyspace,
                                                                  const IdKey& id) const {
  const std::optional<Place> place = find(keyspace, id);
  if (!place) return std::nullopt;
  const Run& run = run_of(*place);
  const Effect& effect = effect_at(*place);
  Operation operation;
  read_id(effect, bytes_of(run, effect), operation);
  return Answer{{run.origin, effect.sequence}, operation.fingerprint, operation.reply};
}

bool LightOperations::has_none(KeyspaceId keyspace, std::string_view key) const {
  return !find(hash_of(keyspace, key), key);
}

bool LightOperations::has_room(KeyspaceId keyspace, std::string_view key) const {
  const std::uint64_t hash = hash_of(keyspace, key);
  const auto it = keys_.find(hash);
  return it == keys_.end() || (it->second.effects < bounds_.of_key_max && find(hash, key));
}

LightOperations::Run& LightOperations::run_for(const Operation& operation) {
  if (!runs_.empty()) {
    Run& last = runs_.back();
    const bool goes_on =
        last.origin == operation.dot.origin && last.last_sequence <= operation.dot.sequence &&
        last.bytes.size() < run_bytes_max && last.effects.size() < run_effects_max &&
        (last.seen == operation.seen || *last.seen == *operation.seen);
    if (goes_on) return last;
    if (last.live == 0) {
      empty(last);
    } else {
      last.effects.shrink_to_fit();
      last.bytes.shrink_to_fit();
    }
  }
  return runs_.emplace_back(Run{operation.dot.origin, operation.seen, {}, {}});
}

void LightOperations::add(KeyspaceId keyspace, const Operation& operation) {
  append(run_for(operation), keyspace, operation);
  ++to_write_;
}

void LightOperations::append(Run& run, KeyspaceId keyspace, const Operation& operation) {
  const std::string_view key = operation.effect.effect.key;
  run.last_sequence = operation.dot.sequence;
  ++run.live;
  const Place place = next_place();
  Effect effect{.hash = hash_of(keyspace, key),
                .sequence = operation.dot.sequence,
                .time = operation.time,
                .before = {},
                .before_other = {},
                .index = operation.index,
                .offset = static_cast<std::uint32_t>(run.bytes.size()),
                .id_offset = 0,
                .keyspace = keyspace,
                .found = operation.found,
                .live = true};
  Key& of_key = keys_[effect.hash];
  if (of_key.effects++ != 0) {
    effect.before = of_key.latest;
    const Run& other = run_of(effect.before);
    effect.before_other =
        other.origin == run.origin ? other.effects[effect.before.at()].before_other : effect.before;
  }
  of_key.latest = place;
  scratch_.clear();
  put_effect(scratch_, operation.effect);
  if (operation.has_id) {
    effect.id_offset = effect.offset + static_cast<std::uint32_t>(scratch_.size());
    wire::put_u64(scratch_, operation.id.hash.high);
    wire::put_u64(scratch_, operation.id.hash.low);
    wire::put_u64(scratch_, operation.fingerprint);
    if (!operation.reply_follows) wire::put_bytes(scratch_, operation.reply);
    const bool is_new = ids_.emplace(IdHere(keyspace.value, operation.id), place).second;
    HF_ASSERT(is_new);
    ++ids_in_[keyspace.value];
  }
  run.bytes.append(scratch_);
  run.effects.push_back(effect);
  ++live_;
}

void LightOperations::set_reply(std::string_view reply) {
  HF_ASSERT(!runs_.empty() && runs_.back().effects.back().id_offset != 0);
  scratch_.clear();
  wire::put_bytes(scratch_, reply);
  runs_.back().bytes.append(scratch_);
}

bool LightOperations::saw_all(KeyspaceId keyspace, std::string_view key, OriginId origin,
                              const VersionVector& seen) const {
  const std::optional<Place> latest = find(hash_of(keyspace, key), key);
  if (!latest) return true;
  int turns = 0;
  for (Place place = *latest; is_kept(place); place = effect_at(place).before_other) {
    if (++turns > turns_max) return false;
    const OriginId other = run_of(place).origin;
    if (other != origin && !seen.includes({other, effect_at(place).sequence})) return false;
  }
  return true;
}

// It has been written, or will be with the checkpoint that is being written.
bool LightOperations::has_row(Place place) const {
  return place < std::max(unwritten_, checkpoint_end_);
}

void LightOperations::forget(Place place) {
  if (has_row(place)) rows_.gone(row_key_of(place));
  forget_but_row(place);
}

// One that is to be in the checkpoint that is being written is written before.
void LightOperations::forget_but_row(Place place) {
  Effect& effect = run_of(place).effects[place.at()];
  if (unwritten_ <= place && place < checkpoint_end_) rows_.early(row_key_of(place), row_of(place));
  if (!has_row(place)) --to_write_;
  effect.live = false;
  --live_;
  --run_of(place).live;
  if (effect.id_offset == 0) return;
  Operation operation;
  read_id(effect, bytes_of(run_of(place), effect), operation);
  ids_.erase(IdHere(effect.keyspace.value, operation.id));
  const auto ids = ids_in_.find(effect.keyspace.value);
  if (--ids->second == 0) ids_in_.erase(ids);
}

void LightOperations::empty(Run& run) {
  run.effects = SpillingVector<Effect>();  // {} would keep its memory
  run.bytes = SpillingText();
  run.seen.reset();
}

// What is written over again and again while somebody is away must not stay as often.
void LightOperations::make_room(Run& run, std::size_t dead_bytes) {
  constexpr std::size_t worth_it = 4'096;
  // The last may go on: places are not used again.
  if (run.live == 0 && &run != &runs_.back()) return empty(run);
  run.dead_bytes += dead_bytes;
  if (run.dead_bytes < worth_it || run.dead_bytes < run.bytes.size() / 2) return;
  SpillingText kept;
  kept.reserve(run.bytes.size() - run.dead_bytes);
  std::vector<std::uint32_t> offsets;
  for (const Effect& each : run.effects) {
    offsets.push_back(static_cast<std::uint32_t>(kept.size()));
    if (each.live) kept.append(bytes_of(run, each));
  }
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    Effect& each = run.effects[i];
    if (each.id_offset != 0) each.id_offset = offsets[i] + (each.id_offset - each.offset);
    each.offset = offsets[i];
  }
  run.bytes = std::move(kept);
  run.dead_bytes = 0;
}

void LightOperations::discard(KeyspaceId keyspace, std::string_view key) {
  const std::uint64_t hash = hash_of(keyspace, key);
  const std::optional<Place> latest = find(hash, key);
  if (!latest) return;
  keys_.erase(hash);
  for (Place place = *latest; is_kept(place);) {
    const Place before = effect_at(place).before;
    const std::size_t bytes = bytes_of(run_of(place), effect_at(place)).size();
    forget(place);
    make_room(run_of(place), bytes);
    place = before;
  }
}

LightOperations::Taken LightOperations::take(KeyspaceId keyspace, std::string_view key) {
  Taken taken;
  const std::uint64_t hash = hash_of(keyspace, key);
  const std::optional<Place> latest = find(hash, key);
  if (!latest) return taken;
  std::size_t size = 0;
  std::vector<Place> places;
  for (Place place = *latest; is_kept(place); place = effect_at(place).before) {
    places.push_back(place);
    size += bytes_of(run_of(place), effect_at(place)).size();
  }
  taken.bytes.reserve(size);  // views into it stay
  keys_.erase(hash);
  for (std::size_t i = places.size(); i-- > 0;) {
    Run& run = run_of(places[i]);
    const Effect& effect = effect_at(places[i]);
    const std::string_view bytes = bytes_of(run, effect);
    const char* const copy = taken.bytes.data() + taken.bytes.size();
    taken.bytes.insert(taken.bytes.end(), bytes.begin(), bytes.end());
    taken.operations.push_back(read(run, effect, {copy, bytes.size()}));
    forget(places[i]);
    make_room(run, bytes.size());
  }
  return taken;
}

bool LightOperations::forget_stable(const Stability& stability, std::size_t max) {
  std::size_t done = 0;
  while (!runs_.empty()) {
    const Run& run = runs_.front();
    if (run.live != 0 && run.last_sequence > stability.stable_until(run.origin)) return false;
    if (done >= max) return true;
    done += run.effects.size();
    forget_first_run();
  }
  return false;
}

void LightOperations::forget_first_run() {
  constexpr std::size_t ahead = 8;
  const Run& run = runs_.front();
  const bool by_range = run.live >= bounds_.rows_worth_a_range;
  std::set<std::string> ranges;
  std::optional<KeyspaceId> last;
  for (std::size_t i = 0; i < run.effects.size(); ++i) {
    if (i + ahead < run.effects.size()) keys_.prefetch(run.effects[i + ahead].hash);
    const Effect& effect = run.effects[i];
    if (!effect.live) continue;
    const auto of_key = keys_.find(effect.hash);
    if (--of_key->second.effects == 0) keys_.erase(of_key);
    const Place place = Place::of(first_run_, i);
    if (!by_range || !has_row(place)) {
      forget(place);
      continue;
    }
    if (effect.keyspace != last) ranges.insert(rows_of_run(place));
    last = effect.keyspace;
    forget_but_row(place);
  }
  for (const std::string& range : ranges) rows_.gone_all(range);
  runs_.pop_front();
  ++first_run_;
}

void LightOperations::drop(KeyspaceId keyspace) {
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    std::size_t dead_bytes = 0;
    for (std::size_t at = 0; at < runs_[i].effects.size(); ++at) {
      const Effect& effect = runs_[i].effects[at];
      if (!effect.live || effect.keyspace != keyspace) continue;
      dead_bytes += bytes_of(runs_[i], effect).size();
      keys_.erase(effect.hash);
      forget(Place::of(first_run_ + i, at));
    }
    if (dead_bytes != 0) make_room(runs_[i], dead_bytes);
  }
}

std::size_t LightOperations::bytes() const {
  std::size_t bytes = 0;
  for (const Run& run : runs_)
    bytes += sizeof(Run) + run.effects.capacity() * sizeof(Effect) + run.bytes.capacity();
  return bytes;
}

std::optional<std::string> LightOperations::audit() const {
  std::size_t live = 0, latest = 0, with_ids = 0;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const Run& run = runs_[i];
    std::size_t live_here = 0;
    for (std::size_t at = 0; at < run.effects.size(); ++at) {
      const Effect& effect = run.effects[at];
      if (at > 0 && effect.sequence < run.effects[at - 1].sequence) return "a run out of order";
      if (!effect.live) continue;
      ++live;
      ++live_here;
      const auto found = keys_.find(effect.hash);
      if (found == keys_.end()) return "a light effect that cannot be found";
      const Place place = Place::of(first_run_ + i, at);
      if (found->second.latest < place) return "a light effect behind its key's latest";
      if (found->second.latest == place) latest += found->second.effects;
      if (effect.id_offset != 0) {
        ++with_ids;
        Operation operation;
        read_id(effect, bytes_of(run, effect), operation);
        const auto of_id = ids_.find(IdHere(effect.keyspace.value, operation.id));
        if (of_id == ids_.end() || of_id->second != place) return "an id that leads elsewhere";
      }
      if (is_kept(effect.before) && effect_at(effect.before).hash != effect.hash)
        return "a light effect behind another key's";
    }
    if (live_here != run.live) return "how many effects of a run are live";
  }
  std::size_t counted = 0;
  for (const auto& [keyspace, count] : ids_in_) counted += count;
  if (with_ids != ids_.size() || with_ids != counted) return "the number of light effects with ids";
  if (live != live_ || latest != live_) return "the number of light effects";
  return std::nullopt;
}

}  // namespace holdfast::eventual
