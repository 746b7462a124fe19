// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hybrid_clock.h"
#include "base/spilling_memory.h"
#include "base/units.h"
#include "dedup/id_table.h"
#include "eventual/clock.h"
#include "eventual/odd_rows.h"
#include "eventual/origin_entry.h"
#include "eventual/stability.h"

namespace holdfast::eventual {

template <typename K, typename V>
using SpillingMap = absl::flat_hash_map<K, V, absl::Hash<K>, std::equal_to<K>,
                                        SpillingAllocator<std::pair<const K, V>>>;

/// Effects of unstable operations that nothing needs to be known of unless something
/// concurrent comes to their keys, which is rare: the table has them already, and here they
/// are kept as bytes, one behind the other, until they are stable. Then they are dropped,
/// a run at a time. By key they are found over an index that knows the latest of each.
///
/// A key's are in the order in which they were applied here.
class LightOperations {
 public:
  struct Operation {
    Dot dot;
    HybridTime time;
    SharedVector seen;
    std::uint32_t index = 0;  // of the effect within the operation
    bool found = false;       // what it adds to had something before
    MergedEffect effect;
    // Then it is its operation's only one.
    bool has_id = false;
    IdKey id;
    std::uint64_t fingerprint = 0;
    std::string_view reply;
    bool reply_follows = false;  // with set_reply(), before anything else is done
  };
  struct Bounds {
    std::uint32_t of_key_max = 4'096;  // all that a key has is given or forgotten at once
    // So many rows that go together are erased as a range: one costs whoever reads past it more
    // than a row does.
    std::size_t rows_worth_a_range = 256;
  };
  explicit LightOperations(OddRows& rows) : LightOperations(rows, Bounds()) {}
  LightOperations(OddRows& rows, const Bounds& bounds) : rows_(rows), bounds_(bounds) {}

  bool empty() const { return live_ == 0; }
  std::size_t effects() const { return live_; }
  std::size_t keys() const { return keys_.size(); }
  /// That the effects take, without the indexes. O(runs).
  std::size_t bytes() const;
  void prefetch(KeyspaceId keyspace, std::string_view key) const;

  bool has_none(KeyspaceId keyspace, std::string_view key) const;
  /// Whether the key can have another. Not so, too, where another key is in its place.
  bool has_room(KeyspaceId keyspace, std::string_view key) const;
  /// The key has_room(), and nothing here has the id.
  void add(KeyspaceId keyspace, const Operation& operation);
  /// Of the one that was added last.
  void set_reply(std::string_view reply);
  /// Whether an operation of `origin` that saw this of others' saw all that the key has here.
  /// False as well where to find out would take long.
  bool saw_all(KeyspaceId keyspace, std::string_view key, OriginId origin,
               const VersionVector& seen) const;
  /// Forgets what the key has.
  void discard(KeyspaceId keyspace, std::string_view key);
  /// What the operation with that id was answered; nothing: nothing here has it. The view lives
  /// until the next change of the object.
  struct Answer {
    Dot dot;
    std::uint64_t fingerprint = 0;
    std::string_view reply;
  };
  std::optional<Answer> answer_of(KeyspaceId keyspace, const IdKey& id) const;
  bool has_ids(KeyspaceId keyspace) const { return ids_in_.contains(keyspace.value); }
  void prefetch(KeyspaceId keyspace, const IdKey& id) const;
  /// Where what has that id is; nothing: nothing has. Lives until the next change of the object.
  std::optional<std::string_view> key_of(KeyspaceId keyspace, const IdKey& id) const;
  /// Gives what the key has, in order, and forgets it.
  struct Taken {
    std::vector<Operation> operations;
    std::vector<char> bytes;  // that they view
  };
  Taken take(KeyspaceId keyspace, std::string_view key);

  /// Forgets what is stable, up to some `max` effects. True: there may be more.
  bool forget_stable(const Stability& stability, std::size_t max);
  void drop(KeyspaceId keyspace);

  // -- Checkpoints: a row for each effect, as docs/formats/open-rows.md says.
  /// How many effects are to get a row; after a checkpoint that failed, at most.
  std::size_t rows_to_write() const { return to_write_; }
  void begin_checkpoint();
  /// Up to `max` rows. How many; fewer than `max`: all is written.
  std::size_t write_rows(
      std::size_t max,
      absl::FunctionRef<void(const std::string& row_key, const std::string& row)> put);
  void end_checkpoint(bool committed);
  /// A row of a store: what it says. All of them, in any order, before anything else, and then
  /// loaded(). Nothing: it is damaged.
  std::optional<Operation> load(std::string_view row_key, std::string_view row);
  /// False: together they are damaged.
  bool loaded();

  /// A mistake in the books. O(n).
  std::optional<std::string> audit() const;

 private:
  /// Of an effect: which run's, and where in it. In the order in which they came.
  struct Place {
    std::uint64_t value = 0;
    auto operator<=>(const Place&) const = default;
    static Place of(std::uint64_t run, std::size_t at) { return {run << at_bits | at}; }
    std::uint64_t run() const { return value >> at_bits; }
    std::size_t at() const { return value & ((std::uint64_t{1} << at_bits) - 1); }
    static constexpr int at_bits = 24;
  };
  struct Key {
    Place latest;
    std::uint32_t effects = 0;
  };
  struct Effect {
    std::uint64_t hash;  // of keyspace and key
    std::uint64_t sequence;
    HybridTime time;
    Place before;        // the key's one before
    Place before_other;  // the key's latest one before of another origin
    std::uint32_t index;
    std::uint32_t offset;
    std::uint32_t id_offset;  // of id, fingerprint, reply; 0: it has none
    KeyspaceId keyspace;
    bool found;
    bool live;
  };
  /// Of one origin, which had seen the same of others in all of them, in its order.
  struct Run {
    OriginId origin;
    SharedVector seen;
    SpillingVector<Effect> effects;  // none, once none is live
    SpillingText bytes;
    std::uint64_t last_sequence = 0;
    std::size_t live = 0;
    std::size_t dead_bytes = 0;
  };

  // A run is given back whole, so it must not go on for ever where little of it stays live.
  static constexpr std::size_t run_bytes_max = std::size_t{1} << 20;
  static constexpr std::size_t run_effects_max = 8'192;
  struct Loading {
    Place place;
    KeyspaceId keyspace;
    SpillingText row;
  };

  bool is_kept(Place place) const { return place.run() >= first_run_; }
  Run& run_of(Place place) { return runs_[place.run() - first_run_]; }
  const Run& run_of(Place place) const { return runs_[place.run() - first_run_]; }
  const Effect& effect_at(Place place) const { return run_of(place).effects[place.at()]; }
  Place next_place() const;
  using IdHere = std::pair<std::uint32_t, IdKey>;  // in a keyspace
  static std::string_view bytes_of(const Run& run, const Effect& effect);
  static Operation read(const Run& run, const Effect& effect, std::string_view bytes);
  static std::string_view key_of(const Run& run, const Effect& effect);
  static void read_id(const Effect& effect, std::string_view bytes, Operation& out);
  /// The latest of the key; nothing: it has none.
  std::optional<Place> find(std::uint64_t hash, std::string_view key) const;
  std::optional<Place> find(KeyspaceId keyspace, const IdKey& id) const;
  static std::uint64_t hash_of(KeyspaceId keyspace, std::string_view key);
  Run& run_for(const Operation& operation);
  void append(Run& run, KeyspaceId keyspace, const Operation& operation);
  bool has_row(Place place) const;
  void forget(Place place);
  void forget_but_row(Place place);
  void forget_first_run();
  static void empty(Run& run);
  void make_room(Run& run, std::size_t dead_bytes);
  std::string row_key_of(Place place) const;
  std::string rows_of_run(Place place) const;
  std::string row_of(Place place) const;
  static std::optional<Operation> read_row(std::string_view row);
  bool place_loaded(const Loading& row);

  OddRows& rows_;
  const Bounds bounds_;
  std::deque<Run, SpillingAllocator<Run>> runs_;
  std::uint64_t first_run_ = 1;  // 0: no place
  // Grows with keys, not with what is written at them, and nearly all of them the table has, too.
  absl::flat_hash_map<std::uint64_t, Key> keys_;
  SpillingMap<IdHere, Place> ids_;
  absl::flat_hash_map<std::uint32_t, std::size_t> ids_in_;  // live effects with ids, by keyspace
  std::size_t live_ = 0;
  std::string scratch_;
  SpillingVector<Loading> loading_;
  // Of what is live, all before `unwritten_` has a row, or will have one with the checkpoint that
  // is being written; that one has all from its beginning to its end.
  Place unwritten_;
  Place checkpoint_begin_, checkpoint_end_;
  std::size_t to_write_ = 0;
};

}  // namespace holdfast::eventual
