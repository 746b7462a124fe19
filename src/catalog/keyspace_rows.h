// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "catalog/catalog.h"
#include "catalog/libraries.h"
#include "catalog/members.h"
#include "catalog/services.h"
#include "command/row.h"

namespace holdfast {

/// What KEYSPACE INFO tells beside the settings. This node's view.
struct KeyspaceFacts {
  std::uint64_t keys = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t ids = 0;        // request ids remembered
  std::uint64_t ids_bytes = 0;  // memory and disk
  // Of requests with ids, since the node's start:
  std::uint64_t replayed = 0;     // answered with an earlier try's outcome
  std::uint64_t reused = 0;       // refused with IDREUSED
  std::uint64_t expired = 0;      // refused with IDEXPIRED
  std::uint64_t cached_keys = 0;  // that clients of this node keep, and are told of
};

/// What NODE INFO tells of the node that answers.
struct NodeFacts {
  std::string id;
  std::string engine;
  Position applied;   // of the strong log
  std::string state;  // "ok", or why it does not serve everything
  /// How far its eventual keyspaces are behind each other member's, at most.
  struct Behind {
    std::string node;
    std::optional<Millis> by;  // nothing: that is not known
  };
  std::vector<Behind> behind;
};

/// What the catalog's commands stand on: the node gives it. Where a change is
/// applied from the log, the first two answer the same on every node.
class CatalogHost {
 public:
  virtual ~CatalogHost() = default;
  /// Whether `default` holds a live key that would be in a keyspace `name`.
  virtual bool default_holds_prefix(std::string_view name, Instant now) = 0;
  virtual KeyspaceFacts facts(KeyspaceId keyspace) = 0;
  virtual NodeFacts node_facts() { return {}; }
  /// Whether runs of the service's workflows go on, or are stuck.
  virtual bool has_runs(ServiceId) { return false; }

  // Told when the catalog has changed.
  virtual void on_created(const Keyspace& keyspace) = 0;
  virtual void on_altered(const Keyspace& keyspace) = 0;
  /// The catalog no longer finds it; the object lives for the call.
  virtual void on_dropped(const Keyspace& keyspace) = 0;
  /// The members, or what they have said, are no longer the same.
  virtual void on_members_changed() {}
  /// Who can sign in, or by what.
  virtual void on_services_changed() {}
};

/// What a catalog command runs on. `now` is the entry's time where it came
/// through the log.
struct CatalogContext {
  Catalog& catalog;
  Members& members;
  Services& services;
  Libraries& libraries;
  CatalogHost& host;
  ServiceId caller;
  Instant now;
};

/// KEYSPACE CREATE, ALTER, INFO, LIST, DROP, HELP.
std::span<const Row> keyspace_rows();

}  // namespace holdfast
