// SPDX-License-Identifier: Apache-2.0
#include "table/table.h"

#include <algorithm>
#include <cstdlib>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/logging.h"
#include "base/wire.h"
#include "table/table_impl.h"
#include "table/undo.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/set.h"
#include "value/sorted_set.h"

namespace holdfast {

using table::hash_of;

namespace {

// A collection's size is estimated from its first items: exact accounting would
// have to walk it after every change.
constexpr std::size_t sampled_items = 4;
constexpr std::size_t index_bytes_per_item = 8;

// Of many expiries that were put off from one time on, all would be looked at when that comes: so
// they are from a minute before on, some at each call.
constexpr std::int64_t due_ahead_ms = 60'000;
constexpr std::size_t due_per_call_max = 5'000;

std::size_t expiry_bytes_of(std::string_view key) {
  constexpr std::size_t short_key = 128;  // in both indexes
  return short_key + (key.size() > SmallString::inline_max ? 2 * key.size() : 0);
}

std::size_t heap_estimate(const Value& value) {
  // Both know.
  if (value.type() == Type::string || value.type() == Type::list) return value.heap_bytes();
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
  } else if (value.type() == Type::sorted_set) {
    const SortedSet& set = value.as_sorted_set();
    items = set.size();
    // Its order is in nodes that are two thirds full, about.
    item_bytes = sizeof(Scored) + sizeof(ScoreOrder::Entry);
    for (; sampled < std::min(items, sampled_items); ++sampled) {
      sampled_bytes += outside(set.member_at(sampled));
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

void Table::Impl::change_in_place(Place place) {
  unsettled_place = place;
  unsettled_bytes = entry_bytes(entry(place));
}

// The checkpoint is damaged or unreadable under a running node: "no such key"
// would be a wrong answer, so nothing is answered: the process ends, as it does
// where a damaged checkpoint is found at its start.
void Table::Impl::must(const Status& read) {
  if (read) return;
  logging::error("the checkpoint cannot be read, stopping: {}", read.error().message);
  std::_Exit(EXIT_FAILURE);
}

bool Table::Impl::store_hides(std::string_view key) const {
  return cleared_in > committed || gone.contains(key) || frozen_gone.contains(key);
}

std::optional<Value> Table::Impl::read_row(std::string_view key, std::uint64_t hash,
                                           std::uint64_t& version) {
  if (store_hides(key)) return std::nullopt;
  const auto row = store.get(Family::table, table::value_row_key(keyspace, hash, key));
  if (!row) must(tl::unexpected(row.error()));
  if (!*row) return std::nullopt;
  wire::Reader in(**row);
  version = in.varint();
  return value_of_row(key, hash, **row);
}

Table::Impl::Place Table::Impl::locate(std::string_view key, std::uint64_t hash) {
  Place place = find(key, hash);
  if (place.found()) {
    entry(place).used = true;
    return place;
  }
  if (cold == 0) return place;
  std::uint64_t version = 0;
  std::optional<Value> value = read_row(key, hash, version);
  if (!value) return place;
  place = insert(key, hash, std::move(*value));
  Entry& loaded = entry(place);
  loaded.version = version;
  loaded.stored = true;
  loaded.used = true;
  nothing_clean = false;
  loaded.expires = !expiries.empty() && expiries.contains(key);
  loaded.expiry_stored = loaded.expires;
  --cold;
  return place;
}

Table::Impl::Place Table::Impl::insert(std::string_view key, std::uint64_t hash, Value value) {
  reserve(slot_of(hash), 1);
  Slot& slot = slots[slot_of(hash)];
  const std::size_t arrays = slot.array_bytes();
  const std::uint32_t at = slot.insert(Entry{SmallString(key), std::move(value)}, hash);
  bytes += slot.array_bytes() - arrays + entry_bytes(slot.at(at));
  ++in_memory;
  return {slot_of(hash), at};
}

void Table::Impl::reserve(std::size_t slot, std::size_t keys) {
  if (slots.empty()) {
    slots = std::vector<Slot>(slot_count);
    bytes += slot_count * sizeof(Slot);
  }
  const std::size_t arrays = slots[slot].array_bytes();
  slots[slot].reserve(keys);
  bytes += slots[slot].array_bytes() - arrays;
}

void Table::Impl::remove(Place place, std::uint64_t hash, Undo* undo) {
  before_change(place);
  Entry& erased = entry(place);
  bytes -= entry_bytes(erased);
  Value value = std::exchange(erased.value, Value::integer(0));
  if (undo != nullptr) {
    undo->changing(erased.key.view(), erased.version, std::move(value), expiry_of(erased));
  } else {
    let_go(std::move(value));
  }
  if (erased.stored) gone.insert_or_assign(std::string(erased.key.view()), erased.expiry_stored);
  if (erased.expires) drop_expiry(erased.key.view());
  slots[place.slot].erase(place.at, hash);
  --in_memory;
}

void Table::Impl::mark_changed(Place place, std::uint64_t version) {
  Entry& changed = entry(place);
  changed.epoch = epoch;
  changed.used = true;
  changed.version = version;
}

void Table::Impl::add_expiry(std::string_view key, std::int64_t at) {
  expiries.emplace(key, Expiry{at, at});
  add_due(key, at);
  expiry_bytes += expiry_bytes_of(key);
}

void Table::Impl::drop_expiry(std::string_view key) {
  const auto found = expiries.find(key);
  HF_ASSERT(found != expiries.end());
  expiry_bytes -= expiry_bytes_of(key);
  drop_due(key, found->second.due);
  expiries.erase(found);
}

void Table::Impl::change_expiry(std::string_view key, std::int64_t at) {
  Expiry& expiry = expiries.find(key)->second;
  expiry.at = at;
  if (at == expiry.due) return;
  if (at > expiry.due && std::pair(expiry.due, checksum(key)) >= due_settled) return;
  drop_due(key, std::exchange(expiry.due, at));
  add_due(key, at);
}

void Table::Impl::add_due(std::string_view key, std::int64_t at) {
  by_expiry.insert(Due{at, checksum(key), std::string(key)});
}

void Table::Impl::settle_due(std::int64_t until, std::size_t max) {
  constexpr std::uint64_t last_hash = std::numeric_limits<std::uint64_t>::max();
  std::pair settled(until, last_hash);
  if (settled <= due_settled) return;
  std::vector<Due> put_off;
  auto due = by_expiry.lower_bound(DueName{due_settled.first, due_settled.second, {}});
  while (due != by_expiry.end() && due->at <= until) {
    if (max-- == 0) {
      settled = {due->at, due->hash};
      break;
    }
    Expiry& expiry = expiries.find(due->key)->second;
    if (expiry.at == due->at) {
      ++due;
      continue;
    }
    expiry.due = expiry.at;
    put_off.push_back({expiry.at, due->hash, due->key});
    due = by_expiry.erase(due);
  }
  for (Due& one : put_off) by_expiry.insert(std::move(one));
  due_settled = settled;
}

void Table::Impl::drop_due(std::string_view key, std::int64_t at) {
  const auto due = by_expiry.find(DueName{at, checksum(key), key});
  HF_ASSERT(due != by_expiry.end());
  by_expiry.erase(due);
}

std::optional<std::int64_t> Table::Impl::expiry_of(const Entry& entry) const {
  if (!entry.expires) return std::nullopt;
  return expiries.find(entry.key.view())->second.at;
}

bool Table::Impl::expired(const Entry& entry, Instant now) const {
  return entry.expires && expiries.find(entry.key.view())->second.at <= to_ms(now);
}

bool Table::Impl::expired_cold(std::string_view key, Instant now) const {
  if (expiries.empty()) return false;
  const auto found = expiries.find(key);
  return found != expiries.end() && found->second.at <= to_ms(now);
}

Table::Table(KeyspaceId keyspace, Store& store) : impl_(std::make_unique<Impl>(keyspace, store)) {}
Table::~Table() = default;

void Table::set_disposal(Disposal* disposal) {
  impl_->disposal = disposal;
}

Table::Found Table::read(std::string_view key, Instant now) {
  Impl& impl = *impl_;
  const Impl::Place place = impl.locate(key, hash_of(key));
  if (!place.found()) return {nullptr, 0};
  const table::Entry& entry = impl.entry(place);
  if (impl.expired(entry, now)) return {nullptr, 0};
  return {&entry.value, entry.version};
}

std::uint64_t Table::prefetch(std::string_view key) const {
  const std::uint64_t hash = hash_of(key);
  if (!impl_->slots.empty()) impl_->slots[Impl::slot_of(hash)].prefetch(hash);
  return hash;
}

void Table::prefetch_entry(std::uint64_t hash) const {
  if (!impl_->slots.empty()) impl_->slots[Impl::slot_of(hash)].prefetch_entry(hash);
}

void Table::prefetch_content(std::uint64_t hash) const {
  if (!impl_->slots.empty()) impl_->slots[Impl::slot_of(hash)].prefetch_content(hash);
}

void Table::prefetch_item(std::uint64_t hash, std::string_view item) const {
  if (!impl_->slots.empty()) impl_->slots[Impl::slot_of(hash)].prefetch_item(hash, item);
}

std::optional<Instant> Table::expiry(std::string_view key, Instant now) {
  const auto found = impl_->expiries.find(key);
  if (found == impl_->expiries.end() || found->second.at <= to_ms(now)) return std::nullopt;
  return instant_from_ms(found->second.at);
}

Value* Table::change(std::string_view key, Instant now) {
  Impl& impl = *impl_;
  impl.settle();
  const std::uint64_t hash = hash_of(key);
  const Impl::Place place = impl.locate(key, hash);
  if (!place.found()) return nullptr;
  if (impl.expired(impl.entry(place), now)) {
    impl.remove(place, hash, undo_.get());
    tell(key);
    return nullptr;
  }
  impl.before_change(place);
  table::Entry& entry = impl.entry(place);
  if (undo_ != nullptr) {
    if (entry.value.type() == Type::string) {
      undo_->changing(key, entry.version, entry.value.clone(), impl.expiry_of(entry));
    } else {
      undo_->giving(key, entry.version, entry.value, impl.expiry_of(entry));
    }
  }
  impl.mark_changed(place, version_);
  if (Pieces* const pieces = pieces_of(entry.value)) pieces->set_now(impl.epoch);
  impl.change_in_place(place);
  tell(key);
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
    std::swap(entry.value, value);
    if (undo_ != nullptr) {
      undo_->changing(key, entry.version, std::move(value), impl.expiry_of(entry));
    } else {
      impl.let_go(std::move(value));
    }
    impl.bytes += Impl::entry_bytes(entry);
  } else {
    if (undo_ != nullptr) undo_->added(key);
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
  Value& now_there = impl.entry(place).value;
  if (now_there.type() != Type::string) {
    impl.is_new_here(now_there);
    impl.change_in_place(place);  // it may be filled
  }
  tell(key);
  return now_there;
}

bool Table::erase(std::string_view key) {
  Impl& impl = *impl_;
  impl.settle();
  const std::uint64_t hash = hash_of(key);
  const Impl::Place place = impl.locate(key, hash);
  if (!place.found()) return false;
  impl.remove(place, hash, undo_.get());
  tell(key);
  return true;
}

void Table::move(std::string_view from, std::string_view to) {
  HF_ASSERT(from != to);
  erase(to);
  Impl& impl = *impl_;
  // Told of the whole, not of its parts.
  std::unique_ptr<Undo> undo = std::exchange(undo_, nullptr);
  const std::vector<Listener*> listeners = std::exchange(listeners_, {});
  const std::uint64_t hash = hash_of(from);
  const Impl::Place place = impl.locate(from, hash);
  HF_ASSERT(place.found());
  impl.before_change(place);
  table::Entry& entry = impl.entry(place);
  if (undo != nullptr) undo->moved(from, to, entry.version);
  const std::optional<std::int64_t> expiry = impl.expiry_of(entry);
  impl.bytes -= Impl::entry_bytes(entry);
  Value value = std::exchange(entry.value, Value::integer(0));
  impl.bytes += Impl::entry_bytes(entry);
  impl.mark_changed(place, version_);
  impl.remove(place, hash, nullptr);
  put(to, std::move(value));
  if (expiry) set_expiry(to, instant_from_ms(*expiry));
  undo_ = std::move(undo);
  listeners_ = listeners;
  tell(from);
  tell(to);
}

void Table::set_expiry(std::string_view key, std::optional<Instant> at) {
  Impl& impl = *impl_;
  impl.settle();
  const Impl::Place place = impl.locate(key, hash_of(key));
  HF_ASSERT(place.found());
  if (!at && !impl.entry(place).expires) return;
  impl.before_change(place);
  table::Entry& entry = impl.entry(place);
  if (undo_ != nullptr) undo_->changing(key, entry.version, std::nullopt, impl.expiry_of(entry));
  if (!at) {
    impl.drop_expiry(key);
  } else if (entry.expires) {
    impl.change_expiry(key, to_ms(*at));
  } else {
    impl.add_expiry(key, to_ms(*at));
  }
  entry.expires = at.has_value();
  impl.mark_changed(place, version_);
  tell(key);
}

std::uint64_t Table::size() const {
  return impl_->in_memory + impl_->cold;
}

void Table::for_each_due(Instant after, Instant until,
                         const std::function<void(std::string_view key)>& each) {
  impl_->settle_due(to_ms(until));
  const auto& due = impl_->by_expiry;
  const Impl::DueName first{to_ms(after) + 1, 0, {}};
  for (auto it = due.lower_bound(first); it != due.end(); ++it) {
    if (it->at > to_ms(until)) return;
    each(it->key);
  }
}

std::optional<Instant> Table::next_expiry() const {
  if (impl_->by_expiry.empty()) return std::nullopt;
  return instant_from_ms(impl_->by_expiry.begin()->at);
}

std::size_t Table::expire(Instant now, std::size_t max,
                          const std::function<void(std::string_view key)>& each) {
  impl_->settle_due(to_ms(now));
  impl_->settle_due(to_ms(now) + due_ahead_ms, due_per_call_max);
  std::size_t erased = 0;
  while (erased < max && !impl_->by_expiry.empty() && impl_->by_expiry.begin()->at <= to_ms(now)) {
    const std::string key = impl_->by_expiry.begin()->key;
    each(key);
    erase(key);
    ++erased;
  }
  return erased;
}

std::size_t Table::memory_bytes() const {
  constexpr std::size_t gone_bytes = 48;  // of a short key
  impl_->settle();
  return impl_->bytes + impl_->expiry_bytes +
         (impl_->gone.size() + impl_->frozen_gone.size()) * gone_bytes;
}

// The clock algorithm: what was used since the hand last came by stays once
// more. Two rounds at most, after which everything clean is gone.
std::size_t Table::evict(std::size_t bytes) {
  Impl& impl = *impl_;
  impl.settle();
  if (impl.nothing_clean) return 0;
  const std::size_t before = impl.bytes;
  for (std::size_t visited = 0; visited < 2 * impl.slots.size(); ++visited) {
    if (before - impl.bytes >= bytes) return before - impl.bytes;
    Impl::Slot& slot = impl.slots[impl.evict_slot];
    impl.evict_slot = (impl.evict_slot + 1) % Impl::slot_count;
    const std::size_t size = slot.size();
    const std::size_t arrays = slot.array_bytes();
    for (std::uint32_t at = static_cast<std::uint32_t>(size); at-- > 0;) {
      table::Entry& entry = slot.at(at);
      if (entry.epoch > impl.committed || !entry.stored) continue;
      if (std::exchange(entry.used, false)) continue;
      impl.bytes -= Impl::entry_bytes(entry);
      impl.let_go(std::exchange(entry.value, Value::integer(0)));
      slot.erase(at, hash_of(entry.key.view()));
    }
    if (slot.size() == size) continue;
    impl.in_memory -= size - slot.size();
    impl.cold += size - slot.size();
    slot.shrink();
    impl.bytes -= arrays - slot.array_bytes();
  }
  impl.nothing_clean = before - impl.bytes < bytes;
  return before - impl.bytes;
}

}  // namespace holdfast
