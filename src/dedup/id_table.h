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
  std::string reply;              // the first reply, canonical bytes
};

/// What one keyspace remembers of request ids. Pure but for the store, which
/// is asked only when ids were spilled there. One thread owns it.
///
/// Recent ids are in memory in two generations; when both together pass the
/// budget, the older is dropped (its ids are in the store by then, in one
/// sorted file a checkpoint) and lookups that miss ask the store, whose Bloom
/// filters answer for ids never seen.
class IdTable {
 public:
  struct Options {
    std::size_t memory_bytes_max = std::size_t{256} << 20;
    Millis retain{72LL * 3600 * 1000};
  };
  IdTable(KeyspaceId keyspace, Store& store, Options options);
  ~IdTable();
  IdTable(const IdTable&) = delete;
  IdTable& operator=(const IdTable&) = delete;

  void set_retain(Millis retain);

  /// The outcome remembered; nothing when the id was never seen or its window
  /// has passed at `now`. O(1); a disk read only for ids that were spilled.
  std::optional<Outcome> find(const IdKey& id, Instant now);

  /// Remembers a new id's outcome. The id must not be there (asserted in debug).
  void record(const IdKey& id, std::uint64_t fingerprint, Instant now, std::string_view reply,
              bool voided = false);
  /// Replaces the outcome (eventual keyspaces: an earlier try became known).
  void replace(const IdKey& id, std::uint64_t fingerprint, Instant first_applied,
               std::string_view reply);

  /// Forgets what is past the window, in bounded steps. Call now and then.
  void expire(Instant now);

  std::uint64_t size() const;             // remembered, memory and disk, roughly
  std::size_t memory_bytes() const;
  std::uint64_t total_bytes() const;      // memory and disk together, for MAX-IDS-BYTES

  // Checkpoints, as Table's.
  void begin_checkpoint();
  bool checkpoint_slice(CheckpointRows& rows, std::size_t max_ids);
  void end_checkpoint(bool committed);
  Status load();
  Status warm(const std::function<bool()>& stop);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast
