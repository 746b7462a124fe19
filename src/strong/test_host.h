// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "command/table.h"
#include "strong/machine.h"
#include "strong/operation.h"
#include "value/value.h"
#include "workflow/rows.h"

/// For this folder's tests: keyspaces in memory under a machine.
namespace holdfast::strong::testing {

inline constexpr KeyspaceId accounts{1};
inline constexpr KeyspaceId stock{2};

/// The commands of these tests' catalog: SPACE DROP <keyspace id>, and SPACE
/// RETAIN <milliseconds> for both keyspaces.
inline void no_catalog(CatalogContext&, Args, Reply&) {}
inline constexpr Row catalog_rows[] = {
    {.name = "SPACE DROP",
     .code = 9000,
     .arity = 3,
     .access = Access::catalog,
     .flags = flag_write_catalog,
     .catalog = no_catalog,
     .group = "test",
     .since = "0.1",
     .summary = "test"},
    {.name = "SPACE RETAIN",
     .code = 9001,
     .arity = 3,
     .access = Access::catalog,
     .flags = flag_write_catalog,
     .catalog = no_catalog,
     .group = "test",
     .since = "0.1",
     .summary = "test"},
};

inline const CommandTable& commands() {
  static const CommandTable table{string_rows(),     hash_rows(),           set_rows(),
                                  sorted_set_rows(), list_rows(),           key_rows(),
                                  id_rows(),         function::call_rows(), function::script_rows(),
                                  workflow::rows(),  catalog_rows};
  return table;
}

using Line = std::vector<std::string>;  // a command and its arguments

inline const Row* row_of(const Line& line) {
  if (line.size() > 1 && line[1] == "REPORT") return &workflow::report_row();
  if (line.size() > 1 && line[1] == "GO-ON") return &workflow::go_on_row();
  return line.size() > 1 ? commands().find(line[0], line[1]) : commands().find(line[0]);
}

/// Tables and ids of two keyspaces over a store that outlives it.
class TestHost final : public Host {
 public:
  TestHost(Store& store, Millis retain = Millis(limits::retain_ids_ms_default))
      : store_(store),
        catalog_ids_({0}, store, {.retain = remembered_for(retain)}),
        accounts_(accounts, store, retain),
        stock_(stock, store, retain),
        runs_(workflow::current_keyspace, store, retain),
        ended_runs_(workflow::ended_keyspace, store, retain),
        workflows_(runs_.table, ended_runs_.table) {}

  State* strong_state(KeyspaceId keyspace) override {
    if (keyspace == accounts) return &accounts_.state;
    if (keyspace == stock && !stock_dropped_) return &stock_.state;
    if (keyspace == workflow::current_keyspace) return &runs_.state;
    return nullptr;
  }
  bool holds(KeyspaceId, std::string_view key) override {
    return !moved.contains(std::string(key));
  }
  bool is_of(KeyspaceId, std::string_view) override { return true; }
  std::optional<KeyspaceId> keyspace_named(std::string_view name) override {
    if (name == "accounts") return accounts;
    if (name == "stock") return stock;
    if (name == "likes") return KeyspaceId{3};  // eventual
    return std::nullopt;
  }
  workflow::Engine& workflows() override { return workflows_; }
  std::string_view service_name(ServiceId service) override {
    const auto found = services.find(service.value);
    return found == services.end() ? std::string_view() : found->second;
  }
  void apply_catalog(const Row&, Args args, ServiceId, Instant, Reply& reply) override {
    ++catalog_changes;
    if (args[1] == "DROP") {
      stock_dropped_ = args[2] == "2";
    } else {
      for (Keyspace* each : {&accounts_, &stock_}) {
        each->state.retain = Millis(*parse_integer(args[2]));
        each->ids.set_retain(remembered_for(each->state.retain));
      }
    }
    reply.ok();
  }
  IdTable& catalog_ids() override { return catalog_ids_; }

  void load() {
    HF_ASSERT(catalog_ids_.load());
    for (Keyspace* each : all()) {
      HF_ASSERT(each->table.load());
      HF_ASSERT(each->ids.load());
    }
    HF_ASSERT(workflows_.load());
  }

  /// Commits everything, and what the machine keeps, in one checkpoint.
  void checkpoint(const Machine& machine) {
    CheckpointRows rows;
    catalog_ids_.begin_checkpoint(rows);
    for (Keyspace* each : all()) {
      each->table.begin_checkpoint();
      each->ids.begin_checkpoint(rows);
      while (!each->table.checkpoint_slice(rows, 7)) {
      }
    }
    rows.put(Family::meta, "machine", machine.encode());
    rows.put(Family::meta, "dropped", stock_dropped_ ? "1" : "0");
    HF_ASSERT(store_.commit(std::move(rows)));
    catalog_ids_.end_checkpoint(true);
    for (Keyspace* each : all()) {
      each->table.end_checkpoint(true);
      each->ids.end_checkpoint(true);
    }
  }
  /// Back to the last checkpoint; into a fresh host and machine.
  void restore(Machine& machine) {
    const auto bytes = store_.get(Family::meta, "machine");
    HF_ASSERT(bytes);
    if (!*bytes) return;
    load();
    stock_dropped_ = **store_.get(Family::meta, "dropped") == "1";
    HF_ASSERT(machine.decode(**bytes));
  }

  std::uint64_t digest(Instant now) {
    std::uint64_t digest = 0;
    for (Keyspace* each : all()) digest = digest * 31 + each->table.digest(now);
    return digest;
  }

  void on_recorded(KeyspaceId keyspace, const IdKey& id) override {
    recorded.emplace_back(keyspace, id);
  }

  std::map<std::uint32_t, std::string> services;
  std::vector<std::pair<KeyspaceId, IdKey>> recorded;
  int catalog_changes = 0;
  std::set<std::string> moved;  // keys that became another keyspace's

 private:
  struct Keyspace {
    Keyspace(KeyspaceId id, Store& store, Millis retain)
        : table(id, store),
          ids(id, store, {.retain = remembered_for(retain)}),
          state{.table = table, .ids = ids, .retain = retain} {}
    Table table;
    IdTable ids;
    State state;
  };
  std::array<Keyspace*, 4> all() { return {&accounts_, &stock_, &runs_, &ended_runs_}; }

  Store& store_;
  IdTable catalog_ids_;
  Keyspace accounts_;
  Keyspace stock_;
  Keyspace runs_;
  Keyspace ended_runs_;
  workflow::Engine workflows_;
  bool stock_dropped_ = false;
};

/// What one operation is, owned.
struct Request {
  KeyspaceId keyspace = accounts;
  ServiceId caller;
  std::string id;
  std::vector<Line> lines;
  bool transaction = false;
  std::vector<std::pair<std::string, std::uint64_t>> watched;
  Attempt attempt = Attempt::only;
};

/// The views of a request that EntryBuilder and Sequencer take.
struct Parts {
  explicit Parts(const Request& request) {
    args.reserve(request.lines.size());
    for (const Line& line : request.lines) {
      args.emplace_back(line.begin(), line.end());
      calls.push_back({row_of(line), args.back()});
    }
    for (const auto& [key, version] : request.watched) watched.push_back({key, version});
  }
  std::vector<std::vector<std::string_view>> args;
  std::vector<EntryBuilder::Part> calls;
  std::vector<Watched> watched;
};

inline void add(EntryBuilder& builder, const Request& request) {
  const Parts parts(request);
  builder.add(request.keyspace, request.caller, request.id, parts.calls, request.transaction,
              parts.watched, request.attempt);
}

/// Keeps what an entry's operations answered.
struct Answers final : Machine::Observer {
  void on_applied(std::size_t index, std::string_view reply, Replay replay) override {
    HF_ASSERT(index == replies.size());
    replies.emplace_back(reply);
    replays.push_back(replay);
  }
  std::vector<std::string> replies;
  std::vector<Replay> replays;
};

}  // namespace holdfast::strong::testing
