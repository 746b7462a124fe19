// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "catalog/catalog.h"
#include "catalog/keyspace_rows.h"
#include "command/call_watch.h"
#include "command/table.h"
#include "dedup/id_table.h"
#include "eventual/replica.h"
#include "node/eventual_side.h"
#include "server/subscriptions.h"
#include "strong/machine.h"
#include "table/disposal.h"
#include "table/table.h"
#include "workflow/engine.h"

namespace holdfast::node {

/// One keyspace's state on this node, of either guarantee.
struct KeyspaceState {
  KeyspaceState(const Keyspace& keyspace, Store& store, Disposal* disposal,
                const IdTable::Options& id_options);

  KeyspaceId id;
  Guarantee guarantee;
  bool declared = true;     // the catalog knows it
  std::uint16_t place = 0;  // among this node's keyspaces, until it stops; in SCAN's cursors
  Table table;
  IdTable ids;
  strong::State strong;
  eventual::State eventual;
  EventualSide::Durable durable;
  std::uint64_t commands = 0;  // asked of it here
};

/// The state of every keyspace that the catalog knows; what the machine, the
/// replica and the catalog's commands stand on. One thread.
class KeyspaceStates final : public strong::Host, public eventual::Host, public CatalogHost {
 public:
  /// `disposal`: Table::set_disposal(). `ids_hash_seed`: random at each start (IdTable::Options).
  KeyspaceStates(Catalog& catalog, Store& store, Disposal* disposal, std::uint64_t ids_memory_bytes,
                 std::uint64_t ids_hash_seed);

  /// Nodes without an engine: the catalog is eventual data (catalog/declarations.h).
  /// Then a keyspace has a state from the first operation on it that comes, declared
  /// or not, and keeps it when it is dropped: what others write to it meanwhile is
  /// there when it is declared again. Before load().
  void use_declarations();
  /// Of how many keys of a keyspace clients keep values.
  void set_cached_keys(std::function<std::uint64_t(KeyspaceId)> count) {
    cached_keys_ = std::move(count);
  }
  /// Whom all tables tell of changes, those to come too; null: nobody.
  void set_listener(Table::Listener* listener);
  /// Where they lie.
  KeyspaceState& declarations();
  /// Whether operations have changed the declarations since this was asked last.
  bool take_declarations_changed() { return std::exchange(declarations_changed_, false); }

  /// Makes and loads the state of every keyspace in the catalog: after the
  /// catalog was restored, before any log is followed.
  Status load();

  /// Hears of drops, to let go of what others keep.
  void set_on_dropped(std::function<void(KeyspaceId)> on_dropped) {
    on_dropped_hook_ = std::move(on_dropped);
  }

  /// Hears of keyspaces that are made, changed or dropped; of these before the state goes.
  void set_on_keyspace(std::function<void(KeyspaceId, bool dropped)> heard) {
    on_keyspace_ = std::move(heard);
  }
  /// Hears of request ids of strong keyspaces that have an outcome now.
  void set_on_recorded(std::function<void(KeyspaceId, const IdKey&)> heard) {
    on_recorded_ = std::move(heard);
  }

  /// Hears of others' entries that the replica has merged.
  void set_on_merged(std::function<void(std::string_view entry)> on_merged) {
    on_merged_hook_ = std::move(on_merged);
  }

  /// Whether an operation came on a keyspace that was never known here.
  bool met_unknown() const { return met_unknown_; }
  Members& members() { return members_; }
  Services& services() { return services_; }
  const Services& services() const { return services_; }
  Libraries& libraries() { return libraries_; }
  /// What NODE INFO tells of this node, and who hears that members changed.
  void set_node(std::function<NodeFacts()> facts, std::function<void()> members_changed) {
    node_facts_ = std::move(facts);
    members_changed_ = std::move(members_changed);
  }
  /// Whether the caller reads and writes in the keyspace.
  /// (That the caller has signed in where it must is the session's to see to.)
  bool may_use(const Keyspace& keyspace, ServiceId caller) {
    return keyspace.owner.empty() || find(keyspace.id)->strong.owner == caller;
  }

  KeyspaceState* find(KeyspaceId id);
  /// Every one that is declared, in the order of their places. Holds until the
  /// catalog changes.
  const std::vector<KeyspaceState*>& all() const { return all_; }
  /// The others, too.
  const std::vector<KeyspaceState*>& with_undeclared() const { return with_undeclared_; }
  /// Keyspaces dropped since the last call: their rows are to be erased.
  std::vector<KeyspaceId> take_dropped() { return std::exchange(dropped_, {}); }
  /// The state of a dropped keyspace stays until this is called, because a
  /// checkpoint under way may still be encoding it.
  void bury_dropped() { dropped_states_.clear(); }

  std::size_t memory_bytes() const;

  /// Hears of what was asked of the catalog, and answered.
  using CatalogHeard =
      std::function<void(const Row& row, Args args, ServiceId caller, std::string_view reply)>;
  void set_on_catalog(CatalogHeard heard) { on_catalog_ = std::move(heard); }

  /// Hears of runs that have changed and not ended, also after load().
  void set_on_run(std::function<void(const workflow::RunName&)> heard) {
    on_run_ = std::move(heard);
    hear_runs();
  }

  /// For whom what is told of a keyspace is.
  server::Audience audience_of(const Keyspace& keyspace) {
    if (keyspace.owner.empty()) return {};
    return {find(keyspace.id)->strong.owner};
  }
  /// Hears of what operations tell who listens.
  void set_on_message(std::function<void(const Message&)> heard) { on_message_ = std::move(heard); }

  /// Whose a channel is: that of the keyspace which a key of its name is in; of the events of a
  /// key, of the keyspace of that.
  const Keyspace& keyspace_of_channel(std::string_view channel) const;

  /// Hears of what commands this node's own clients had run, and how long.
  void set_watch(CallWatch* watch) { watch_ = watch; }

  /// Who is told of keys that change; null: nobody.
  void set_key_events(std::function<key_events::Sink*()> sink) { key_events_ = std::move(sink); }

  // strong::Host
  key_events::Sink* key_events() override { return key_events_ ? key_events_() : nullptr; }
  CallWatch* watch() override { return watch_; }
  Status may_publish(ServiceId service, std::string_view channel) override;
  void publish(const Message& message) override {
    if (on_message_) on_message_(message);
  }
  void on_recorded(KeyspaceId keyspace, const IdKey& id) override {
    if (on_recorded_) on_recorded_(keyspace, id);
  }
  strong::State* strong_state(KeyspaceId keyspace) override;
  bool holds(KeyspaceId keyspace, std::string_view key) override {
    return keyspace != catalog_.default_keyspace().id || catalog_.of_key(key).id == keyspace;
  }
  bool is_of(KeyspaceId keyspace, std::string_view key) override {
    return catalog_.of_key(key).id == keyspace;
  }
  std::optional<KeyspaceId> keyspace_named(std::string_view name) override;
  workflow::Engine& workflows() override { return *workflows_; }
  std::string_view service_name(ServiceId service) override {
    const Service* const found = services_.find(service);
    return found == nullptr ? std::string_view() : found->name;
  }
  void apply_catalog(const Row& row, Args args, ServiceId caller, Instant now,
                     Reply& reply) override;
  IdTable& catalog_ids() override { return catalog_ids_; }

  // eventual::Host
  key_events::Sink* key_events(KeyspaceId keyspace) override {
    const KeyspaceState* const state = find(keyspace);
    return state != nullptr && state->declared ? key_events() : nullptr;
  }
  ServiceId owner_of(KeyspaceId keyspace) override {
    const KeyspaceState* const state = find(keyspace);
    return state == nullptr ? ServiceId{} : state->strong.owner;
  }
  void on_called(ServiceId caller, std::string_view function, bool failed) override {
    if (watch_ != nullptr) watch_->called(caller, function, failed);
  }
  eventual::State* eventual_state(KeyspaceId keyspace) override;
  bool knows_up_to(KeyspaceId keyspace) const override {
    return declarations_ || catalog_.has_given(keyspace);
  }
  void entry_merged(eventual::OriginId, std::string_view entry) override {
    if (on_merged_hook_) on_merged_hook_(entry);
  }

  // CatalogHost
  bool default_holds_prefix(std::string_view name, Instant now) override;
  KeyspaceFacts facts(KeyspaceId keyspace) override;
  void on_created(const Keyspace& keyspace) override;
  void on_altered(const Keyspace& keyspace) override;
  void on_dropped(const Keyspace& keyspace) override;
  bool has_runs(ServiceId service) override;
  NodeFacts node_facts() override { return node_facts_ ? node_facts_() : NodeFacts{}; }
  void on_members_changed() override {
    if (members_changed_) members_changed_();
  }

 private:
  KeyspaceState& make(const Keyspace& keyspace);
  KeyspaceState* make_undeclared(KeyspaceId id);
  void adopt(KeyspaceState& state, const Keyspace& keyspace);
  void list_all();
  /// One that the catalog does not list.
  KeyspaceState& make_unlisted(KeyspaceId id, Guarantee guarantee);
  void make_workflows();
  void hear_runs();

  Catalog& catalog_;
  Members members_;
  Services services_;
  Libraries libraries_;
  bool met_unknown_ = false;
  Store& store_;
  Disposal* disposal_;
  Table::Listener* listener_ = nullptr;
  std::function<std::uint64_t(KeyspaceId)> cached_keys_;
  std::uint64_t ids_memory_bytes_;
  std::uint64_t ids_hash_seed_;
  IdTable catalog_ids_;
  bool declarations_ = false;
  bool declarations_changed_ = false;
  std::vector<std::unique_ptr<KeyspaceState>> states_;  // by id, where it was counted
  absl::flat_hash_map<std::uint32_t, std::unique_ptr<KeyspaceState>> named_;  // by a name's
  std::vector<KeyspaceState*> all_;
  std::vector<KeyspaceState*> with_undeclared_;
  std::uint16_t places_ = 0;
  std::vector<KeyspaceId> dropped_;
  std::vector<std::unique_ptr<KeyspaceState>> dropped_states_;
  std::function<void(KeyspaceId)> on_dropped_hook_;
  std::function<void(std::string_view)> on_merged_hook_;
  std::function<void(KeyspaceId, bool dropped)> on_keyspace_;
  std::function<void(KeyspaceId, const IdKey&)> on_recorded_;
  CatalogHeard on_catalog_;
  std::unique_ptr<workflow::Engine> workflows_;  // where there may be an engine
  std::function<void(const workflow::RunName&)> on_run_;
  std::function<NodeFacts()> node_facts_;
  std::function<void()> members_changed_;
  CallWatch* watch_ = nullptr;
  std::function<void(const Message&)> on_message_;
  std::function<key_events::Sink*()> key_events_;
};

}  // namespace holdfast::node
