// SPDX-License-Identifier: Apache-2.0
#include "node/keyspace_states.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "base/assert.h"
#include "base/logging.h"
#include "catalog/declarations.h"
#include "catalog/permissions.h"
#include "command/key_events.h"

namespace holdfast::node {
namespace {

IdTable::Options id_options(std::uint64_t memory_bytes, Millis retain, std::uint64_t hash_seed) {
  return {.memory_bytes_max = memory_bytes, .retain = retain, .hash_seed = hash_seed};
}

}  // namespace

KeyspaceState::KeyspaceState(const Keyspace& keyspace, Store& store, Disposal* disposal,
                             const IdTable::Options& id_options)
    : id(keyspace.id),
      guarantee(keyspace.guarantee),
      table(keyspace.id, store),
      ids(keyspace.id, store, id_options),
      strong{table, ids, keyspace.ids_bytes_max, keyspace.retain_ids},
      eventual{table, ids, keyspace.ids_bytes_max, keyspace.retain_ids} {
  durable.durability = keyspace.durability;
  table.set_disposal(disposal);
}

KeyspaceStates::KeyspaceStates(Catalog& catalog, Store& store, Disposal* disposal,
                               std::uint64_t ids_memory_bytes, std::uint64_t ids_hash_seed)
    : catalog_(catalog),
      store_(store),
      disposal_(disposal),
      ids_memory_bytes_(ids_memory_bytes),
      ids_hash_seed_(ids_hash_seed),
      catalog_ids_(KeyspaceId{0}, store,
                   id_options(ids_memory_bytes, strong::remembered_for(Keyspace().retain_ids),
                              ids_hash_seed)) {
  for (const Keyspace* keyspace : catalog_.all()) make(*keyspace);
  make_workflows();
}

KeyspaceState& KeyspaceStates::make_unlisted(KeyspaceId id, Guarantee guarantee) {
  Keyspace keyspace;
  keyspace.id = id;
  keyspace.guarantee = guarantee;
  KeyspaceState& state = make(keyspace);
  state.declared = false;
  list_all();
  return state;
}

void KeyspaceStates::make_workflows() {
  places_ = limits::keyspaces_max;  // behind all that are counted
  KeyspaceState& current = make_unlisted(workflow::current_keyspace, Guarantee::strong);
  KeyspaceState& ended = make_unlisted(workflow::ended_keyspace, Guarantee::strong);
  workflows_ = std::make_unique<workflow::Engine>(current.table, ended.table);
  hear_runs();
}

void KeyspaceStates::hear_runs() {
  if (workflows_ == nullptr || !on_run_) return;
  workflows_->set_on_changed([this](const workflow::RunName& run, const auto&) { on_run_(run); });
}

KeyspaceState& KeyspaceStates::make(const Keyspace& keyspace) {
  const std::size_t id = keyspace.id.value;
  HF_ASSERT(id > 0);
  const bool counted = id < limits::keyspaces_max;
  if (counted && states_.size() <= id) states_.resize(id + 1);
  auto& state = counted ? states_[id] : named_[keyspace.id.value];
  state = std::make_unique<KeyspaceState>(
      keyspace, store_, disposal_,
      id_options(ids_memory_bytes_, strong::remembered_for(keyspace.retain_ids), ids_hash_seed_));
  state->place = counted ? static_cast<std::uint16_t>(id) : ++places_;
  if (listener_ != nullptr) state->table.add_listener(*listener_);
  adopt(*state, keyspace);
  list_all();
  return *state;
}

void KeyspaceStates::list_all() {
  all_.clear();
  with_undeclared_.clear();
  for (const auto& state : states_) {
    if (state != nullptr) with_undeclared_.push_back(state.get());
  }
  for (const auto& [id, state] : named_) with_undeclared_.push_back(state.get());
  std::ranges::sort(with_undeclared_, {}, &KeyspaceState::place);
  std::ranges::copy_if(with_undeclared_, std::back_inserter(all_), &KeyspaceState::declared);
}

void KeyspaceStates::set_listener(Table::Listener* listener) {
  if (listener == listener_) return;
  for (KeyspaceState* const state : with_undeclared_) {
    if (listener_ != nullptr) state->table.remove_listener(*listener_);
    if (listener != nullptr) state->table.add_listener(*listener);
  }
  listener_ = listener;
}

void KeyspaceStates::use_declarations() {
  declarations_ = true;
  workflows_.reset();
  named_.clear();
  list_all();
  places_ = Catalog::default_id.value;
}

KeyspaceState& KeyspaceStates::declarations() {
  eventual_state(declarations::keyspace_id);  // makes it
  return *find(declarations::keyspace_id);
}

Status KeyspaceStates::load() {
  states_.clear();
  named_.clear();
  if (declarations_) use_declarations();
  if (Status s = catalog_ids_.load(); !s) return s;
  for (const Keyspace* keyspace : catalog_.all()) make(*keyspace);
  if (!declarations_) make_workflows();
  for (KeyspaceState* state : with_undeclared_) {
    if (Status s = state->table.load(); !s) return s;
    if (Status s = state->ids.load(); !s) return s;
  }
  if (declarations_) return {};
  return workflows_->load();
}

KeyspaceState* KeyspaceStates::find(KeyspaceId id) {
  if (id.value < states_.size()) return states_[id.value].get();
  const auto named = named_.find(id.value);
  return named == named_.end() ? nullptr : named->second.get();
}

// Nothing where there are as many as there can be.
KeyspaceState* KeyspaceStates::make_undeclared(KeyspaceId id) {
  if (named_.size() + Catalog::default_id.value + 1 >= limits::keyspaces_max) return nullptr;
  KeyspaceState& state = make_unlisted(id, Guarantee::eventual);
  // The checkpoint may have it: dropped, but not without what came since.
  Status loaded = state.table.load();
  if (loaded) loaded = state.ids.load();
  if (!loaded) {
    // As where a table's value cannot be read: there is no right answer to give.
    logging::error("the checkpoint cannot be read, stopping: {}", loaded.error().message);
    std::_Exit(EXIT_FAILURE);
  }
  return &state;
}

std::size_t KeyspaceStates::memory_bytes() const {
  std::size_t bytes = catalog_ids_.memory_bytes();
  for (const KeyspaceState* state : with_undeclared_) {
    bytes += state->table.memory_bytes() + state->ids.memory_bytes();
  }
  return bytes;
}

std::optional<KeyspaceId> KeyspaceStates::keyspace_named(std::string_view name) {
  const Keyspace* const keyspace = catalog_.find(name);
  return keyspace == nullptr ? std::nullopt : std::optional(keyspace->id);
}

bool KeyspaceStates::has_runs(ServiceId service) {
  if (workflows_ == nullptr) return false;
  const auto first = workflows_->current().lower_bound({service, {}});
  return first != workflows_->current().end() && first->first.service == service;
}

strong::State* KeyspaceStates::strong_state(KeyspaceId keyspace) {
  KeyspaceState* state = find(keyspace);
  return state != nullptr && state->guarantee == Guarantee::strong ? &state->strong : nullptr;
}

eventual::State* KeyspaceStates::eventual_state(KeyspaceId keyspace) {
  KeyspaceState* state = find(keyspace);
  if (state == nullptr && declarations_ && keyspace.value >= declarations::keyspace_id.value)
    state = make_undeclared(keyspace);
  if (state == nullptr && !catalog_.has_given(keyspace)) met_unknown_ = true;
  if (keyspace == declarations::keyspace_id) declarations_changed_ = true;
  return state != nullptr && state->guarantee == Guarantee::eventual ? &state->eventual : nullptr;
}

void KeyspaceStates::apply_catalog(const Row& row, Args args, ServiceId caller, Instant now,
                                   Reply& reply) {
  CatalogContext context{catalog_, members_, services_, libraries_, *this, caller, now};
  const std::size_t before = reply.buffer().size();
  row.catalog(context, args, reply);
  if (on_catalog_) on_catalog_(row, args, caller, std::string_view(reply.buffer()).substr(before));
}

bool KeyspaceStates::default_holds_prefix(std::string_view name, Instant now) {
  bool holds = false;
  // Walks the whole of `default`: declaring a keyspace is rare, and an index of
  // prefixes would cost every write there.
  KeyspaceState* state = find(Catalog::default_id);
  // Keys that have expired count nowhere, whether or not they were erased here yet.
  state->table.for_each(now, [&](std::string_view key, const Value&) {
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
    facts.replayed = state->ids.counters.replayed;
    facts.reused = state->ids.counters.reused;
    facts.expired = state->ids.counters.expired;
  }
  if (cached_keys_) facts.cached_keys = cached_keys_(keyspace);
  return facts;
}

void KeyspaceStates::on_created(const Keyspace& keyspace) {
  KeyspaceState* state = find(keyspace.id);
  if (on_keyspace_) on_keyspace_(keyspace.id, false);
  if (state == nullptr) {
    make(keyspace);
    // Without an engine this is said of keyspaces that there were before, too.
    if (!declarations_) find(keyspace.id)->eventual.had_expiries = false;
    return;
  }
  state->declared = true;
  list_all();
  adopt(*state, keyspace);
}

void KeyspaceStates::on_altered(const Keyspace& keyspace) {
  adopt(*find(keyspace.id), keyspace);
  if (on_keyspace_) on_keyspace_(keyspace.id, false);
}

void KeyspaceStates::adopt(KeyspaceState& state, const Keyspace& keyspace) {
  state.ids.set_retain(strong::remembered_for(keyspace.retain_ids));
  state.strong.retain = keyspace.retain_ids;
  state.strong.ids_bytes_max = keyspace.ids_bytes_max;
  state.eventual.ids_bytes_max = keyspace.ids_bytes_max;
  state.eventual.retain = keyspace.retain_ids;
  state.durable.durability = keyspace.durability;
  const Service* const owner = services_.find(keyspace.owner);
  state.strong.functions = state.eventual.functions = &libraries_.of(keyspace.id);
  state.strong.owner = owner == nullptr ? ServiceId{} : owner->id;
}

void KeyspaceStates::on_dropped(const Keyspace& keyspace) {
  if (declarations_) {
    find(keyspace.id)->declared = false;
    list_all();
    return;
  }
  if (on_keyspace_) on_keyspace_(keyspace.id, true);
  dropped_states_.push_back(std::move(states_[keyspace.id.value]));
  dropped_.push_back(keyspace.id);
  libraries_.drop(keyspace.id);
  list_all();
  if (listener_ != nullptr) listener_->cleared();
  if (on_dropped_hook_) on_dropped_hook_(keyspace.id);
}

const Keyspace& KeyspaceStates::keyspace_of_channel(std::string_view channel) const {
  if (channel.starts_with(key_events::of_key)) channel.remove_prefix(key_events::of_key.size());
  return catalog_.of_key(channel);
}

Status KeyspaceStates::may_publish(ServiceId service, std::string_view channel) {
  return permissions::check_use(services_, libraries_, keyspace_of_channel(channel), service);
}

}  // namespace holdfast::node
