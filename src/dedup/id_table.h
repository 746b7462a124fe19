// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/checksum.h"
#include "base/error.h"
#include "base/units.h"
#include "table/store.h"

namespace holdfast {

/// A request id within its keyspace: a 128-bit hash of caller and id, so that
/// every id costs the same. Chance of any collision among 10^12 ids: 10^-15.
struct IdKey {
  Hash128 hash;
  bool operator==(const IdKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const IdKey& k) {
    return H::combine(std::move(h), k.hash.low);
  }
};
IdKey make_id_key(ServiceId caller, std::string_view request_id);

/// What became of a request id.
struct Outcome {
  std::uint64_t fingerprint = 0;  // of the operation: command and arguments
  Instant first_applied{};
  bool voided = false;
  std::string reply;  // the first reply, canonical bytes
};

/// What one keyspace remembers of request ids. Pure but for the store, which
/// is asked only for ids that are on disk alone. One thread owns it.
///
/// Ids lie in generations (docs/formats/ids.md). The young ones are in memory,
/// about 46 bytes an id with an integer reply. Over the budget the oldest
/// leaves memory, once it is durable; a Bloom filter of it stays (2 bytes an
/// id), so an id never seen is not looked for on disk. Until a checkpoint made
/// ids durable, memory may pass the budget: see wants_checkpoint().
///
/// A store that cannot be read ends the process with a log line: to answer
/// "never seen" instead could apply an operation twice.
class IdTable {
 public:
  struct Options {
    std::size_t memory_bytes_max = std::size_t{256} << 20;
    Millis retain{72LL * 3600 * 1000};
    /// Spreads ids over memory and pages, so that no caller can choose ids that
    /// all fall into one place. Give a random one at each start; what the table
    /// answers does not depend on it.
    std::uint64_t hash_seed = 0;
  };
  IdTable(KeyspaceId keyspace, Store& store, Options options);
  ~IdTable();
  IdTable(const IdTable&) = delete;
  IdTable& operator=(const IdTable&) = delete;

  void set_retain(Millis retain);

  /// The outcome remembered; nothing when the id was never seen or its window
  /// has passed: first_applied + retain <= now, or first_applied <= horizon().
  /// O(1); a disk read only for ids that were spilled.
  std::optional<Outcome> find(const IdKey& id, Instant now);

  /// Brings into the processor's cache what find() and record() will read.
  /// Called for the ids of the next few operations it hides the memory's delay.
  void prefetch(const IdKey& id) const;

  /// Remembers a new id's outcome, from `now` on. `now` need not grow from call
  /// to call. An outcome that is there (its window has passed) is replaced.
  void record(const IdKey& id, std::uint64_t fingerprint, Instant now, std::string_view reply,
              bool voided = false);
  /// Replaces the outcome (eventual keyspaces: an earlier try became known).
  void replace(const IdKey& id, std::uint64_t fingerprint, Instant first_applied,
               std::string_view reply);

  /// Moves the horizon to now - retain. What was first applied until then is
  /// forgotten for good. Cheap when there is nothing to forget; never reads or
  /// writes the disk (rows leave it with later checkpoints).
  void expire(Instant now);

  /// Ids first applied at or before this are forgotten. Not always now -
  /// retain: when the window was made longer, what was forgotten stays so. A
  /// request id that carries its time is refused at or below this too.
  Instant horizon() const;

  /// Outcomes recorded and not yet past the horizon, memory and disk together:
  /// their number, and for MAX-IDS-BYTES the sum of 48 + length of the reply.
  /// An outcome leaves both up to retain / 256 after its window (they are
  /// counted by buckets of time); one replaced counts until then, beside its
  /// successor. Both depend on the calls of record, replace, expire and
  /// set_retain alone, not on checkpoints, budget, restarts or machine.
  std::uint64_t size() const;
  std::uint64_t total_bytes() const;
  /// Memory held. O(1).
  std::size_t memory_bytes() const;

  /// Whether ids could leave memory if a checkpoint made them durable.
  bool wants_checkpoint() const;

  /// What requests with ids came to, since this node's start and as it saw: figures for people.
  struct Counters {
    std::uint64_t replayed = 0;  // answered with an earlier try's outcome
    std::uint64_t reused = 0;    // refused: the id was another operation's
    std::uint64_t expired = 0;   // refused: by the id's own time
  };
  Counters counters;

  // -- Checkpoints, as Table's, but that `rows` are all there at once: what is
  // recorded changes no more, so it is encoded when they are committed. Takes
  // some microseconds for a million ids. Rows go to Family::ids.
  void begin_checkpoint(CheckpointRows& rows);
  /// `rows` were committed, or will not be.
  void end_checkpoint(bool committed);

  /// The state of the last checkpoint: counts and filters; outcomes stay on
  /// disk until asked for. The first call, if there was one before.
  Status load();
  /// Reads outcomes into memory, the newest first, until they reach the budget
  /// or `stop` says so; can be called again to go on. Not between
  /// begin_checkpoint and end_checkpoint. Call it after load(): until then each
  /// hit, and one miss in 1,000, is a disk read.
  Status warm(const std::function<bool()>& stop);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast
