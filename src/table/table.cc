// SPDX-License-Identifier: Apache-2.0
#include "table/table.h"

#include <algorithm>

#include "base/assert.h"
#include "base/logging.h"
#include "base/wire.h"
#include "table/table_impl.h"
#include "value/hash.h"
#include "value/set.h"

namespace holdfast {

using table::hash_of;

namespace {

// A collection's size is estimated from its first items: exact accounting would
// have to walk it after every change.
constexpr std::size_t sampled_items = 4;
constexpr std::size_t index_bytes_per_item = 8;

std::size_t heap_estimate(const Value& value) {
  if (value.type() == Type::string) return value.heap_bytes();
  std::size_t items = 0;
  std::size_t item_bytes = 0;
  std::size_t sampled = 0;
  std::size_t sampled_bytes = 0;
  const auto outside = [](std::string_view text) {
    return text.size() > SmallString::inline_max ? text.size() : 0;
  };
  if (value.type() == Type::hash) {
    const Hash& hash = value.as_hash();
    items = hash.size();
    item_bytes = 2 * sizeof(SmallString);
    for (; sampled < std::min(items, sampled_items); ++sampled) {
      sampled_bytes += outside(hash.field_at(sampled)) + outside(hash.value_at(sampled));
    }
  } else {
    const Set& set = value.as_set();
    items = set.size();
    item_bytes = sizeof(SmallString);
    for (; sampled < std::min(items, sampled_items); ++sampled) {
      sampled_bytes += outside(set.at(sampled));
    }
  }
  if (sampled > 0) item_bytes += sampled_bytes / sampled;
  if (items > DenseTable<int>::linear_max) item_bytes += index_bytes_per_item;
  return 64 + items * item_bytes * 5 / 4;
}

}  // namespace

std::size_t Table::Impl::entry_bytes(const Entry& entry) {
  return entry.key.heap_bytes() + heap_estimate(entry.value);
}

void Table::Impl::settle() {
  if (!unsettled_place) return;
  // Nothing moved since: every other way to change the table settles first.
  bytes += entry_bytes(entry(*unsettled_place));
  unsettled_place.reset();
  bytes -= unsettled_bytes;
}

bool Table::Impl::store_hides(std::string_view key) const {
  return cleared_in > committed || gone.contains(key) || frozen_gone.contains(key);
}

std::optional<Value> Table::Impl::read_row(std::string_view key, std::uint64_t hash,
                                           std::uint64_t& version) {
  if (store_hides(key)) return std::nullopt;
  const auto row = store.get(Family::table, table::value_row_key(keyspace, hash, key));
  if (!row) {
    // The checkpoint is damaged or unreadable under a running node: to answer
    // "no such key" would be a wrong answer, so nothing is answered.
    logging::error("reading a value failed: {}", row.error().message);
    HF_ASSERT(row.has_value());
  }
  if (!*row) return std::nullopt;
  wire::Reader in(**row);
  version = in.varint();
  auto value = decode_value(in.raw(in.remaining()));
  HF_ASSERT(value.has_value());  // the store has checked the block's checksum
  return std::move(*value);
}

Table::Impl::Place Table::Impl::locate(std::string_view key, std::uint64_t hash) {
  const std::size_t slot = slot_of(hash);
  Place place{slot, slots[slot].find(key, hash)};
  if (place.found() || cold == 0) return place;
  std::uint64_t version = 0;
  std::optional<Value> value = read_row(key, hash, version);
  if (!value) return place;
  place = insert(key, hash, std::move(*value));
  Entry& loaded = entry(place);
  loaded.version = version;
  loaded.stored = true;
  loaded.expires = !expiries.empty() && expiries.contains(key);
  loaded.expiry_stored = loaded.expires;
  --cold;
  return place;
}

Table::Impl::Place Table::Impl::insert(std::string_view key, std::uint64_t hash, Value value) {
  Slot& slot = slots[slot_of(hash)];
  const std::size_t arrays = slot.array_bytes();
  const std::uint32_t at = slot.insert(Entry{SmallString(key), std::move(value)}, hash);
  bytes += slot.array_bytes() - arrays + entry_bytes(slot.at(at));
  ++in_memory;
  return {slot_of(hash), at};
}

void Table::Impl::remove(Place place, std::uint64_t hash) {
  before_change(place);
  Entry& erased = entry(place);
  if (erased.stored) gone.insert_or_assign(std::string(erased.key.view()), erased.expiry_stored);
  if (erased.expires) drop_expiry(erased.key.view());
  bytes -= entry_bytes(erased);
  slots[place.slot].erase(place.at, hash);
  --in_memory;
}

void Table::Impl::mark_changed(Place place, std::uint64_t version) {
  Entry& changed = entry(place);
  changed.epoch = epoch;
  changed.version = version;
}

void Table::Impl::drop_expiry(std::string_view key) {
  const auto found = expiries.find(key);
  HF_ASSERT(found != expiries.end());
  by_expiry.erase({found->second, found->first});
  expiries.erase(found);
}

bool Table::Impl::expired(const Entry& entry, Instant now) const {
  return entry.expires && expiries.find(entry.key.view())->second <= to_ms(now);
}

Table::Table(KeyspaceId keyspace, Store& store) : impl_(std::make_unique<Impl>(keyspace, store)) {}
Table::~Table() = default;

Table::Found Table::read(std::string_view key, Instant now) {
  Impl& impl = *impl_;
  const Impl::Place place = impl.locate(key, hash_of(key));
  if (!place.found()) return {nullptr, 0};
  const table::Entry& entry = impl.entry(place);
  if (impl.expired(entry, now)) return {nullptr, 0};
  return {&entry.value, entry.version};
}

std::optional<Instant> Table::expiry(std::string_view key, Instant now) {
  const auto found = impl_->expiries.find(key);
  if (found == impl_->expiries.end() || found->second <= to_ms(now)) return std::nullopt;
  return instant_from_ms(found->second);
}

Value* Table::change(std::string_view key, Instant now) {
  Impl& impl = *impl_;
  impl.settle();
  const std::uint64_t hash = hash_of(key);
  const Impl::Place place = impl.locate(key, hash);
  if (!place.found()) return nullptr;
  if (impl.expired(impl.entry(place), now)) {
    impl.remove(place, hash);
    return nullptr;
  }
  impl.before_change(place);
  impl.mark_changed(place, version_);
  table::Entry& entry = impl.entry(place);
  impl.unsettled_place = place;
  impl.unsettled_bytes = Impl::entry_bytes(entry);
  return &entry.value;
}

Value& Table::put(std::string_view key, Value value) {
  Impl& impl = *impl_;
  impl.settle();
  const std::uint64_t hash = hash_of(key);
  Impl::Place place = impl.locate(key, hash);
  if (place.found()) {
    impl.before_change(place);
    table::Entry& entry = impl.entry(place);
    impl.bytes -= Impl::entry_bytes(entry);
    entry.value = std::move(value);
    impl.bytes += Impl::entry_bytes(entry);
  } else {
    place = impl.insert(key, hash, std::move(value));
    // An older row of it, erased since, may still be there to be replaced.
    table::Entry& entry = impl.entry(place);
    if (const auto gone = impl.gone.find(key); gone != impl.gone.end()) {
      entry.stored = true;
      entry.expiry_stored = gone->second;
      impl.gone.erase(gone);
    }
  }
  impl.mark_changed(place, version_);
  return impl.entry(place).value;
}

bool Table::erase(std::string_view key) {
  Impl& impl = *impl_;
  impl.settle();
  const std::uint64_t hash = hash_of(key);
  const Impl::Place place = impl.locate(key, hash);
  if (!place.found()) return false;
  impl.remove(place, hash);
  return true;
}

void Table::set_expiry(std::string_view key, std::optional<Instant> at) {
  Impl& impl = *impl_;
  impl.settle();
  const Impl::Place place = impl.locate(key, hash_of(key));
  HF_ASSERT(place.found());
  if (!at && !impl.entry(place).expires) return;
  impl.before_change(place);
  table::Entry& entry = impl.entry(place);
  if (entry.expires) impl.drop_expiry(key);
  entry.expires = at.has_value();
  if (at) {
    impl.expiries.emplace(key, to_ms(*at));
    impl.by_expiry.emplace(to_ms(*at), key);
  }
  impl.mark_changed(place, version_);
}

std::uint64_t Table::size() const {
  return impl_->in_memory + impl_->cold;
}

std::optional<Instant> Table::next_expiry() const {
  if (impl_->by_expiry.empty()) return std::nullopt;
  return instant_from_ms(impl_->by_expiry.begin()->first);
}

std::size_t Table::expire(Instant now, std::size_t max,
                          const std::function<void(std::string_view key)>& each) {
  std::size_t erased = 0;
  while (erased < max && !impl_->by_expiry.empty() &&
         impl_->by_expiry.begin()->first <= to_ms(now)) {
    const std::string key = impl_->by_expiry.begin()->second;
    each(key);
    erase(key);
    ++erased;
  }
  return erased;
}

std::size_t Table::memory_bytes() const {
  constexpr std::size_t expiry_bytes = 112;  // of both indexes, for a short key
  impl_->settle();
  return impl_->bytes + impl_->expiries.size() * expiry_bytes +
         (impl_->gone.size() + impl_->frozen_gone.size()) * sizeof(std::string);
}

std::size_t Table::evict(std::size_t bytes) {
  Impl& impl = *impl_;
  impl.settle();
  const std::size_t before = impl.bytes;
  for (std::size_t visited = 0; visited < Impl::slot_count; ++visited) {
    if (before - impl.bytes >= bytes) break;
    Impl::Slot& slot = impl.slots[impl.evict_slot];
    const std::size_t arrays = slot.array_bytes();
    for (std::uint32_t at = static_cast<std::uint32_t>(slot.size()); at-- > 0;) {
      table::Entry& entry = slot.at(at);
      if (entry.epoch > impl.committed || !entry.stored) continue;
      impl.bytes -= Impl::entry_bytes(entry);
      slot.erase(at, hash_of(entry.key.view()));
      --impl.in_memory;
      ++impl.cold;
    }
    slot.shrink();
    impl.bytes -= arrays - slot.array_bytes();
    impl.evict_slot = (impl.evict_slot + 1) % Impl::slot_count;
  }
  return before - impl.bytes;
}

}  // namespace holdfast
