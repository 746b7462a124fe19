// SPDX-License-Identifier: Apache-2.0
#include "node/keyspace_states.h"

#include "base/assert.h"

namespace holdfast::node {
namespace {

IdTable::Options id_options(std::uint64_t memory_bytes, Millis retain, std::uint64_t hash_seed) {
  return {.memory_bytes_max = memory_bytes, .retain = retain, .hash_seed = hash_seed};
}

}  // namespace

KeyspaceState::KeyspaceState(const Keyspace& keyspace, Store& store,
                             const IdTable::Options& id_options)
    : id(keyspace.id),
      guarantee(keyspace.guarantee),
      table(keyspace.id, store),
      ids(keyspace.id, store, id_options),
      strong{table, ids, keyspace.ids_bytes_max, keyspace.retain_ids},
      eventual{table, ids, keyspace.ids_bytes_max, keyspace.retain_ids} {
  durable.durability = keyspace.durability;
}

KeyspaceStates::KeyspaceStates(Catalog& catalog, Store& store, std::uint64_t ids_memory_bytes,
                               std::uint64_t ids_hash_seed)
    : catalog_(catalog),
      store_(store),
      ids_memory_bytes_(ids_memory_bytes),
      ids_hash_seed_(ids_hash_seed),
      catalog_ids_(KeyspaceId{0}, store,
                   id_options(ids_memory_bytes, strong::remembered_for(Keyspace().retain_ids),
                              ids_hash_seed)) {
  for (const Keyspace* keyspace : catalog_.all()) make(*keyspace);
}

KeyspaceState& KeyspaceStates::make(const Keyspace& keyspace) {
  const std::size_t place = keyspace.id.value;
  HF_ASSERT(place > 0 && place <= limits::keyspaces_max);
  if (states_.size() <= place) states_.resize(place + 1);
  states_[place] = std::make_unique<KeyspaceState>(
      keyspace, store_,
      id_options(ids_memory_bytes_, strong::remembered_for(keyspace.retain_ids), ids_hash_seed_));
  list_all();
  return *states_[place];
}

void KeyspaceStates::list_all() {
  all_.clear();
  for (const auto& state : states_) {
    if (state != nullptr) all_.push_back(state.get());
  }
}

Status KeyspaceStates::load() {
  states_.clear();
  if (Status s = catalog_ids_.load(); !s) return s;
  for (const Keyspace* keyspace : catalog_.all()) {
    KeyspaceState& state = make(*keyspace);
    if (Status s = state.table.load(); !s) return s;
    if (Status s = state.ids.load(); !s) return s;
  }
  return {};
}

KeyspaceState* KeyspaceStates::find(KeyspaceId id) {
  return id.value < states_.size() ? states_[id.value].get() : nullptr;
}

std::size_t KeyspaceStates::memory_bytes() const {
  std::size_t bytes = catalog_ids_.memory_bytes();
  for (const KeyspaceState* state : all_) {
    bytes += state->table.memory_bytes() + state->ids.memory_bytes();
  }
  return bytes;
}

strong::State* KeyspaceStates::strong_state(KeyspaceId keyspace) {
  KeyspaceState* state = find(keyspace);
  return state != nullptr && state->guarantee == Guarantee::strong ? &state->strong : nullptr;
}

eventual::State* KeyspaceStates::eventual_state(KeyspaceId keyspace) {
  if (keyspace.value >= states_.size()) met_unknown_ = true;
  KeyspaceState* state = find(keyspace);
  return state != nullptr && state->guarantee == Guarantee::eventual ? &state->eventual : nullptr;
}

void KeyspaceStates::apply_catalog(const Row& row, Args args, ServiceId caller, Instant now,
                                   Reply& reply) {
  CatalogContext context{catalog_, members_, *this, caller, now};
  row.catalog(context, args, reply);
}

bool KeyspaceStates::default_holds_prefix(std::string_view name) {
  bool holds = false;
  // Walks the whole of `default`: declaring a keyspace is rare, and an index of
  // prefixes would cost every write there.
  KeyspaceState* state = find(Catalog::default_id);
  state->table.for_each(Instant{}, [&](std::string_view key, const Value&) {
    holds = holds || (key.size() > name.size() && key[name.size()] == ':' && key.starts_with(name));
  });
  return holds;
}

KeyspaceFacts KeyspaceStates::facts(KeyspaceId keyspace) {
  KeyspaceFacts facts;
  if (const KeyspaceState* state = find(keyspace); state != nullptr) {
    facts.keys = state->table.size();
    facts.memory_bytes = state->table.memory_bytes();
    facts.ids = state->ids.size();
    facts.ids_bytes = state->ids.total_bytes();
    facts.replayed = state->replayed;
  }
  return facts;
}

void KeyspaceStates::on_created(const Keyspace& keyspace) {
  make(keyspace);
}

void KeyspaceStates::on_altered(const Keyspace& keyspace) {
  KeyspaceState& state = *find(keyspace.id);
  state.ids.set_retain(strong::remembered_for(keyspace.retain_ids));
  state.strong.retain = keyspace.retain_ids;
  state.strong.ids_bytes_max = keyspace.ids_bytes_max;
  state.eventual.ids_bytes_max = keyspace.ids_bytes_max;
  state.eventual.retain = keyspace.retain_ids;
  state.durable.durability = keyspace.durability;
}

void KeyspaceStates::on_dropped(const Keyspace& keyspace) {
  dropped_states_.push_back(std::move(states_[keyspace.id.value]));
  dropped_.push_back(keyspace.id);
  list_all();
  if (on_dropped_hook_) on_dropped_hook_(keyspace.id);
}

}  // namespace holdfast::node
