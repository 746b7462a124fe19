// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/reply.h"
#include "base/ticket.h"
#include "base/units.h"
#include "command/key_events.h"
#include "command/table.h"
#include "dedup/id_table.h"
#include "eventual/clock.h"
#include "eventual/explain.h"
#include "function/functions.h"
#include "table/table.h"

namespace holdfast::eventual {

/// The state of one eventual keyspace that lies outside the replica.
struct State {
  Table& table;  // what readers see: the merged values
  IdTable& ids;  // remembers retain and an hour more: strong::remembered_for says why
  std::uint64_t ids_bytes_max = 0;                 // MAX-IDS-BYTES, 0: no limit
  Millis retain{};                                 // RETAIN-IDS
  const function::Functions* functions = nullptr;  // those of the keyspace; null: none
  /// Whether any of its keys may ever have had an expiry here: then a key where nothing is seen may
  /// hold, for others, what has expired.
  bool had_expiries = true;
};

/// Whose log an entry is of. kCorrupt: it is no entry's beginning.
Result<OriginId> origin_of(std::string_view payload);

/// Where the replica finds keyspaces: the node gives it.
class Host {
 public:
  virtual ~Host() = default;
  /// Nothing when this node does not know the keyspace (dropped).
  virtual State* eventual_state(KeyspaceId keyspace) = 0;
  /// Whether every keyspace up to this id was heard of here, if only to be dropped.
  virtual bool knows_up_to(KeyspaceId /*keyspace*/) const { return true; }
  /// Whether the key is the keyspace's, and the name of who has signed in (empty: nobody).
  virtual bool is_of(KeyspaceId /*keyspace*/, std::string_view /*key*/) { return true; }
  virtual std::string_view service_name(ServiceId /*service*/) { return {}; }
  /// Another origin's entry has just been merged. A node with peers logs it
  /// here, in this order: own operations that follow have seen it, so replaying
  /// its log must bring it first.
  virtual void entry_merged(OriginId /*origin*/, std::string_view /*payload*/) {}
  /// What a local operation tells, and whether it may: as strong::Host's.
  virtual Status may_publish(ServiceId /*service*/, std::string_view /*channel*/) { return {}; }
  virtual void publish(const Message& /*message*/) {}
  /// Who is told of keys that operations change, wherever they came from; null: nobody.
  virtual key_events::Sink* key_events(KeyspaceId /*keyspace*/) { return nullptr; }
  /// Whose the keyspace is; nobody's: it has no owner.
  virtual ServiceId owner_of(KeyspaceId /*keyspace*/) { return {}; }
  /// A local operation has called a function. See CallWatch::called.
  virtual void on_called(ServiceId /*caller*/, std::string_view /*function*/, bool /*failed*/) {}
};

/// One node's copy of the eventual keyspaces: decides what local operations do,
/// merges what other origins did, gives the same state to whoever has the same
/// operations (3-contract section 5, docs/eventual.md). Operation-based CRDTs
/// over causal delivery (Shapiro et al., INRIA RR-7506; the bookkeeping of
/// unstable operations is the pure operation-based framework's PO-Log, Baquero
/// et al., 2017). Pure: no files, threads or clocks. One thread.
///
/// While every other member is known to have an operation (always, on a node
/// without peers) its effects lie in the table alone and cost nothing more.
/// The others are kept in full until they are stable: that makes late
/// arrivals, and a first try that turns up after its retry, merge exactly.
class Replica {
 public:
  struct Options {
    OriginId self;
    std::size_t waiting_bytes_max = std::size_t{64} << 20;  // received, not yet causally ready
  };
  Replica(const CommandTable& commands, Host& host, Store& store, Options options);
  ~Replica();

  // -- Local operations

  struct Call {
    const Row* row;
    Args args;
  };
  struct Request {
    KeyspaceId keyspace;
    ServiceId caller;
    std::string_view request_id;  // empty: none
    std::span<const Call> calls;  // one, or a MULTI's
    bool transaction = false;     // the reply is an array; reads are allowed among the calls
  };
  struct Executed {
    Replay replay = Replay::none;
    bool wrote = false;  // something was added to the open entry: hold the reply
                         // until that entry is as durable as the keyspace asks
  };
  /// Runs the operation: decides its effects, applies them, adds them to the
  /// open entry, writes the reply. Nothing is added for an operation without
  /// effect and without request id. Ids as in 3-contract section 3 (IDEXPIRED,
  /// IDREUSED, replays, BUSY at MAX-IDS-BYTES; refusals that the state decided
  /// are recorded); OUTCOME is the caller's affair (IdTable::find).
  Executed execute(const Request& request, Instant wall, Reply& reply);

  /// Brings towards the caches what a write of the key will touch here, beside the table.
  void prefetch(KeyspaceId keyspace, std::string_view key) const;

  /// The open entry's size so far, 0 when there is none.
  std::size_t open_bytes() const;
  /// Closes the open entry: the payload to append to this origin's log before
  /// any of its replies is sent. docs/formats/origin-entry.md.
  std::string take_entry();

  // -- Merging

  /// An entry of any origin's log: a peer's, or (at start) this node's own
  /// past. Repeats are ignored, entries whose causes are missing wait (bounded;
  /// kBusy over it: send again later), and so do all while an entry is open,
  /// until it is taken: what its operations saw must not change under them.
  /// kCorrupt: it is no entry. kUnavailable: its clock is further ahead of this
  /// node's than limits::clock_ahead_ms_max; it would drag all clocks along. Or it
  /// has operations on a keyspace that the host has yet to hear of.
  ///
  /// A checkpoint holds what was merged, not what waits. While own entries
  /// wait (a log that lost what Host::entry_merged gave it), execute() refuses
  /// with UNAVAILABLE rather than use their sequences again.
  Status receive(OriginId origin, std::string_view payload);

  OriginId self() const;
  /// What has been merged, this node's own operations included.
  const VersionVector& merged() const;

  /// The origins that must have an operation before it is stable, besides this
  /// one. None: every operation is stable at once. While acknowledgements in
  /// `view` are missing, none is. When the view changes, entries that wait are let
  /// go of: whoever has them sends them again, on connections of the new view.
  void set_members(std::span<const OriginId> members, View view = {});
  /// A member is known to have merged this much, durably. Counts once
  /// everything it had written by then has been received. `clock`: its clock
  /// when it said so, and `view` what it knew when that was what it had. Folds what became stable,
  /// in bounded steps from tidy().
  void acknowledged(OriginId member, const VersionVector& merged, HybridTime clock = {},
                    View view = {});

  /// Bounded housekeeping: folds stable operations, erases keys that expired for
  /// good, expires ids. True when there is more to do now.
  bool tidy(Instant wall);

  /// The hybrid clock's last time, and a time to observe (heartbeats).
  HybridTime clock() const;
  void observe(HybridTime time);
  /// A time to tell others: later than any before it, whatever the wall clock does, and
  /// earlier than whatever is decided here from now on.
  HybridTime tell_time(Instant wall);

  /// Equal for replicas of equal content: keyspace by keyspace, values as
  /// readers see them. O(n).
  std::uint64_t digest(KeyspaceId keyspace, Instant now);

  /// Why the key has its value here.
  Explanation explain(KeyspaceId keyspace, std::string_view key, const Explanation::Bounds& bounds);
  /// The last of the origin's operations that every member is known to have.
  std::uint64_t stable_until(OriginId origin) const;

  /// Looks for mistakes of its own: keys whose values are not what the unstable
  /// operations come to. Says the first found. O(unstable); for tests and checks.
  std::optional<std::string> audit();

  /// Erases what it keeps for a keyspace that was dropped.
  void drop(KeyspaceId keyspace);

  struct Counters {
    std::uint64_t operations = 0, merged = 0, replayed = 0, mismatched_ids = 0;
    std::uint64_t unstable = 0, open_keys = 0;  // as of the last tidy()
    std::uint64_t waiting_bytes = 0;
  };
  const Counters& counters() const;

  // -- Checkpoints: as Table's. Rows go to Family::open; encode(), of the same
  // moment, is what else must be kept (merged vector, clock, members), for
  // Family::meta. No entry is open then: take_entry() first.
  /// About how many rows one that begins now has, without those that it erases. O(1).
  std::size_t rows_to_write() const;
  void begin_checkpoint();
  bool checkpoint_slice(CheckpointRows& rows, std::size_t max_rows);
  void end_checkpoint(bool committed);
  std::string encode() const;
  /// What was merged where encode() gave this. kCorrupt: it did not.
  static Result<VersionVector> merged_in(std::string_view bytes);
  /// Restores from encode()'s bytes and the store. Before anything else.
  Status load(std::string_view bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::eventual
