// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/limits.h"
#include "base/ticket.h"
#include "base/units.h"
#include "command/call_watch.h"
#include "command/key_events.h"
#include "command/table.h"
#include "dedup/id_table.h"
#include "function/functions.h"
#include "function/scripts.h"
#include "strong/operation.h"
#include "table/table.h"

namespace holdfast::workflow {
class Engine;
}

namespace holdfast::strong {

/// The state of one strong keyspace. `ids` must remember for
/// remembered_for(retain), see there.
struct State {
  Table& table;
  IdTable& ids;
  std::uint64_t ids_bytes_max = 0;                 // MAX-IDS-BYTES, 0: no limit
  Millis retain{limits::retain_ids_ms_default};    // RETAIN-IDS
  ServiceId owner{};                               // who alone writes here; nobody: no owner
  const function::Functions* functions = nullptr;  // those of the keyspace; null: none
};

/// How long an id table must remember so that no UUIDv7 runs twice. An id may
/// carry a time up to an hour ahead of its first application; forgotten a
/// window after that application, it would be accepted again for that hour,
/// until its own time is a window old.
inline Millis remembered_for(Millis retain) {
  return retain + Millis(limits::request_id_ahead_ms_max) + Millis(1);
}

/// What the machine stands on: the node gives it. Both answer the same on
/// every node at one position.
class Host {
 public:
  virtual ~Host() = default;
  /// The keyspace's state; nothing when it was dropped.
  virtual State* strong_state(KeyspaceId keyspace) = 0;
  /// Whether the key is the keyspace's, as the catalog is now: of the default one's it
  /// may have become another's since the operation was made.
  virtual bool holds(KeyspaceId keyspace, std::string_view key) = 0;
  /// The same of every keyspace, as the catalog is now.
  virtual bool is_of(KeyspaceId keyspace, std::string_view key) = 0;
  /// The name of who has signed in; empty: nobody.
  virtual std::string_view service_name(ServiceId service) = 0;
  /// The keyspace of that name; nothing: there is none.
  virtual std::optional<KeyspaceId> keyspace_named(std::string_view name) = 0;
  /// Over the tables of workflow::current_keyspace and ended_keyspace, which are states, too.
  virtual workflow::Engine& workflows() = 0;
  /// Runs a catalog command that changes.
  virtual void apply_catalog(const Row& row, Args args, ServiceId caller, Instant now,
                             Reply& reply) = 0;
  /// What the catalog remembers of request ids, for
  /// remembered_for(retain_ids_ms_default).
  virtual IdTable& catalog_ids() = 0;
  /// A request id has an outcome now.
  virtual void on_recorded(KeyspaceId /*keyspace*/, const IdKey& /*id*/) {}
  /// Who is told what runs, of entries that somebody here waits for; null: nobody.
  virtual CallWatch* watch() { return nullptr; }
  /// kNoPermission: the service may not publish on the channel; nobody may on those that somebody
  /// owns. As the catalog is now.
  virtual Status may_publish(ServiceId /*service*/, std::string_view /*channel*/) { return {}; }
  /// Who is told of keys that operations change, of every entry; null: nobody.
  virtual key_events::Sink* key_events() { return nullptr; }
  /// What an operation tells, of entries that somebody here waits for.
  virtual void publish(const Message& /*message*/) {}
};

/// The deterministic function that applies the entries of the strong log.
/// Pure: time is the entry's, randomness is seeded by the position. One thread.
class Machine {
 public:
  Machine(const CommandTable& commands, Host& host);
  ~Machine();

  /// Told of each operation of an entry, in order, when it has been applied.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void on_applied(std::size_t index, std::string_view reply, Replay replay) = 0;
  };

  /// Applies the entry; positions must grow. An entry whose name was applied
  /// before does nothing (the observer hears nothing; returns false).
  /// `observer` may be nullptr. kCorrupt: the entry is no entry; nothing of it
  /// was applied (it is read through before the first operation runs).
  ///
  /// Per operation, in this order (3-contract section 3): a dropped keyspace is
  /// `UNAVAILABLE`; with a request id: a remembered one answers its first
  /// reply, VOIDED, or (other fingerprint) IDREUSED; a UUIDv7 older than
  /// RETAIN-IDS before the entry's time, or over an hour after it, is
  /// IDEXPIRED; a new id over the keyspace's MAX-IDS-BYTES is BUSY; a function that is
  /// not there, or not the caller's to call, is refused. Then it runs, and its reply is recorded
  /// under the id, refusals included, but for an attempt that found nothing to take and is not the
  /// last (row.h). A transaction whose watched keys changed replies the null
  /// array, and that too is recorded. VOID needs no id of its own; one that it cannot settle for
  /// good is IDEXPIRED.
  Result<bool> apply(Position position, std::string_view payload, Observer* observer);

  Position applied() const;
  /// Bytes of all entries ever applied, the same on every node at one position.
  std::uint64_t log_bytes() const;
  /// A place at which nodes compare what they have become. `digest` chains every
  /// reply of every operation on keys, in order, from the log's first entry on:
  /// nodes whose states differ differ here as soon as a reply shows it.
  struct Milestone {
    Position position;
    std::uint64_t digest = 0;
  };
  /// The last one: the entry at which `milestone_log_bytes` or
  /// `milestone_interval` of the log's time, and some operation on keys, had
  /// gone by since the one before. The same on every node. O(1).
  Milestone milestone() const;
  /// The last entry's time. Entries' times never go back: an entry that says
  /// an earlier time is applied at the last one's.
  Instant time() const;

  // What the machine itself must keep across restarts, for the checkpoint:
  // position, time, and the last counter of every appender.
  std::string encode() const;
  Status decode(std::string_view bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::strong
