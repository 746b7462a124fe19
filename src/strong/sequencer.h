// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/latencies.h"
#include "base/reply.h"
#include "base/ticket.h"
#include "base/units.h"
#include "log/log.h"
#include "strong/machine.h"
#include "strong/operation.h"
#include "strong/pending_reads.h"

namespace holdfast::strong {

/// Puts operations in the log's order and gives each its reply: gathers what
/// arrives in one turn into one entry (and, while `appends_in_flight_max`
/// appends are under way, what arrives until one is done), follows the log,
/// applies every entry, and answers. Reads wait for the log's end, one
/// question for all that came before it was asked (batched ReadIndex).
/// Pure but for the Log it is given. One thread.
class Sequencer {
 public:
  struct Options {
    std::uint64_t incarnation = 0;  // this start's AppendName
    std::size_t appends_in_flight_max = 8;
    /// Behind so many under way only an entry of `large_entry_operations` is
    /// appended; a smaller one gathers more. For engines to which an entry costs
    /// much whatever is in it.
    std::size_t small_appends_in_flight_max = 8;
    std::size_t large_entry_operations = 256;
    /// With nothing under way, what came waits up to so long, and up to a share of
    /// what appends have been taking, for the callers that were answered last:
    /// each may be about to ask again. So do reads, with what questions have been
    /// taking. 0: nothing waits. For the same engines.
    std::chrono::microseconds gather_max{0};
    std::size_t queued_bytes_max = std::size_t{256} << 20;  // waiting and in flight; over it: BUSY
    Millis request_timeout{5000};
    /// Where the replies of operations go that were applied; null: where all others do.
    ReplySink* applied = nullptr;
    /// Told whose operation is applied next, of those asked here; 0: nobody's. null: nobody is.
    std::function<void(std::uint64_t ticket_connection)> on_writer;
  };
  Sequencer(Log& log, Machine& machine, ReplySink& replies, Options options);
  ~Sequencer();

  /// Loads nothing itself: the machine was given its checkpoint; follows the
  /// log from machine.applied(), with the checkpoint's `place` (Log::follow),
  /// and with a local engine returns once what is there was applied. kCorrupt:
  /// an entry is none. Then, and when one turns up later, nothing behind it is
  /// applied and everything is refused: see writable().
  Status start(std::string_view place = {});

  struct Write {
    KeyspaceId keyspace;
    ServiceId caller;
    std::string_view request_id;
    std::span<const EntryBuilder::Part> calls;
    bool transaction = false;
    std::span<const Watched> watched;
    Durability durability = Durability::always;
    Attempt attempt = Attempt::only;
  };
  /// Takes the write into the open entry. It is answered through the sink,
  /// within the timeout: `UNAVAILABLE` or `BUSY` when it was certainly not
  /// appended, `UNKNOWN` when it may have been. An error here: not taken.
  Status write(const Write& write, Ticket ticket, Monotonic now);

  /// `run` writes the reply, on a state that has everything that was
  /// acknowledged to anyone before this call. With `behind`, also everything
  /// that this sequencer took before. True: it ran, within this call. False:
  /// it will, and the sink gets its reply. `run` owns what it needs when it is
  /// kept: `keep` makes it, and is called only then.
  using ReadNow = strong::ReadNow;
  bool read(bool behind, Ticket ticket, Monotonic now, Reply& reply,
            absl::FunctionRef<void(Reply&)> run, absl::FunctionRef<ReadNow()> keep);

  /// Whether a read now would run within its call, and without asking the log.
  bool is_current(bool behind);

  /// Appends what was gathered, delivers, applies, answers, times out. Call
  /// at the end of every turn, after every wake of the log, and now and then.
  void turn(Instant wall, Monotonic now);

  /// When turn() wants to be called again, though nothing else happens: what is
  /// gathered is then appended.
  std::optional<Monotonic> wanted_at() const;

  /// What time it is by the log: what an entry appended now would say, and what is read now is
  /// read at. Never before `wall` nor before what was applied (strong/log_clock.h).
  Instant time(Instant wall, Monotonic now) const;

  /// Whether a write would be taken now.
  Status writable() const;
  std::size_t queued_bytes() const;
  bool idle() const;  // nothing waits for an answer

  struct Counters {
    std::uint64_t entries = 0;     // applied, others' included
    std::uint64_t operations = 0;  // of this sequencer, applied
    std::uint64_t replayed = 0;    // of those, answered with an earlier try's outcome
    std::uint64_t timeouts = 0;    // writes and reads not answered in time
  };
  const Counters& counters() const;
  /// From an entry's append to its delivery, as exact as turns are long.
  const Latencies& append_latencies() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::strong
