// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "eventual/key_editor.h"
#include "eventual/light_operations.h"
#include "eventual/open_key.h"
#include "eventual/origin_entry.h"
#include "eventual/replica.h"
#include "eventual/roster.h"
#include "eventual/stability.h"
#include "eventual/unstable_operation.h"
#include "table/store.h"

namespace holdfast::eventual {

/// One try of an operation, as it is merged or was decided here.
struct Try {
  OperationHead head;
  Dot dot;
  SharedVector seen;
  std::string_view reply;  // with an id
};

/// Everything that is not yet plain value: the operations that some member may
/// lack, the keys in which they have items, and their way into the base.
class OpenState {
 public:
  OpenState(Host& host, const Stability& stability, const VersionVector& merged)
      : host_(host), stability_(stability), merged_(merged) {}

  /// Whether the key has any. Without, and alone, the table is all there is.
  bool is_open(KeyspaceId keyspace, std::string_view key) const;
  /// What is open of the key; nullptr: nothing.
  const OpenKey* find_key(KeyspaceId keyspace, std::string_view key) const;
  /// Brings towards the caches where the key is looked up.
  void prefetch(KeyspaceId keyspace, std::string_view key) const;
  /// What the operation of that id was answered, while it is light.
  std::optional<LightOperations::Answer> light_answer(KeyspaceId keyspace, const IdKey& id) const;
  /// The unstable operation of that id; nullptr when there is none. Unpacks it.
  UnstableOperation* find(KeyspaceId keyspace, const IdKey& id);
  void prefetch(KeyspaceId keyspace, const IdKey& id) const { light_.prefetch(keyspace, id); }

  /// An effect of an operation, in the order of its operation's effects; of one with a request
  /// id it is the only one. Changes the table and keeps what it takes to know the rest when that
  /// is asked for. False: it did nothing, and needs apply(), as there is more to know at its key.
  bool apply_lightly(const Try& one, Table& table, const MergedEffect& effect, std::uint32_t index,
                     Arrival arrival);
  /// What the operation that came last was answered, if that was not known by then.
  void set_light_reply(std::string_view reply) { light_.set_reply(reply); }
  /// A new operation; its effects follow by apply(), in order.
  UnstableOperation& add(const Try& first);
  /// The operation of which apply_lightly() may have taken effects before.
  UnstableOperation& add_rest(const Try& first);
  void apply(UnstableOperation& operation, Table& table, const MergedEffect& effect,
             std::uint32_t index, Arrival arrival);
  /// Another try of the operation. True: it is the first now, and its effects
  /// have taken the place of the others'.
  bool join(UnstableOperation& operation, Table& table, const Try& another,
            std::string_view effects);
  /// The id names a new operation from now on (its window had passed where it
  /// was used again, so nobody tries the old one any more).
  void release_id(UnstableOperation& operation);
  /// Makes of what is light at the key what find_key() tells.
  void unpack(KeyspaceId keyspace, Table& table, std::string_view key);

  /// Folds what became stable, up to `max` operations. True: there is more.
  bool fold(std::size_t max);
  /// Erases keys that have expired for everybody, up to `max`; how many.
  std::size_t expire(KeyspaceId keyspace, Table& table, Instant now, std::size_t max);
  void drop(KeyspaceId keyspace);
  std::size_t operations() const { return operations_.size() + light_.effects(); }
  std::size_t keys() const { return key_count_ + light_.keys(); }

  /// Names a key whose values in the table are not what its items come to, or
  /// another mistake in the books. O(n).
  std::optional<std::string> audit();

  // -- Checkpoints (open_rows.cc): a row for each key and each operation.
  std::size_t rows_to_write() const {
    return dirty_operations_.size() + dirty_keys_.size() + light_.rows_to_write();
  }
  void begin_checkpoint();
  bool checkpoint_slice(CheckpointRows& rows, std::size_t max_rows);
  void end_checkpoint(bool committed);
  Status load(Store& store);

 private:
  struct ByName {
    using is_transparent = void;
    static std::string_view name_of(const std::unique_ptr<OpenKey>& key) {
      return key->name.view();
    }
    static std::string_view name_of(std::string_view name) { return name; }
    template <typename T>
    std::size_t operator()(const T& t) const {
      return absl::Hash<std::string_view>()(name_of(t));
    }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return name_of(a) == name_of(b);
    }
  };
  struct Space {
    absl::flat_hash_set<std::unique_ptr<OpenKey>, ByName, ByName,
                        SpillingAllocator<std::unique_ptr<OpenKey>>>
        keys;
    SpillingMap<IdKey, UnstableOperation*> ids;  // unstable ones
  };
  struct Queued {
    std::uint64_t sequence;
    UnstableOperation* operation;
  };
  using Queue = std::deque<Queued, SpillingAllocator<Queued>>;
  static void look_ahead(const Queue& queue);
  struct Limbo {
    KeyspaceId keyspace;
    SpillingString key;
    std::uint64_t emptied;  // which time
    VersionVector merged;
  };

  const Space* find_space(KeyspaceId keyspace) const;
  OpenKey& open(Space& space, KeyspaceId keyspace, Table& table, std::string_view key);
  KeyEditor edit(OpenKey& key, Table& table);
  void after_edit(OpenKey& key);
  void close(OpenKey& key);
  void queue(UnstableOperation& operation, Dot dot);
  void queue_folds(UnstableOperation& operation);
  void found_stable(UnstableOperation& operation);
  void run_folds();
  bool leave_limbo(std::size_t max);
  void bury_idle();

  UnstableOperation& own(std::unique_ptr<UnstableOperation> operation);

  // open_light.cc
  bool may_be_light(const Try& one, Table& table, const MergedEffect& effect, Arrival arrival,
                    bool& found) const;
  static bool could_be_light(const LightOperations::Operation& one);
  static void take_back(Table& table, std::string_view key,
                        const std::vector<LightOperations::Operation>& light);
  void unpack(OpenKey& key, Table& table, const std::vector<LightOperations::Operation>& light);

  // open_rows.cc
  void changing(OpenKey& key);
  void changing(UnstableOperation& operation);
  void forgetting(OpenKey& key);
  void forgetting(UnstableOperation& operation);
  void write_early(OpenKey& key);
  void write_early(UnstableOperation& operation);
  using ByDot = SpillingMap<Dot, UnstableOperation*>;
  Status load_operation(std::string_view row_key, std::string_view row, ByDot& by_dot);
  Status load_key(std::string_view row_key, std::string_view row, const ByDot& by_dot);
  Status load_light(std::string_view row_key, std::string_view row, const ByDot& by_dot);

  Host& host_;
  const Stability& stability_;
  const VersionVector& merged_;
  absl::flat_hash_map<std::uint32_t, std::unique_ptr<Space>> spaces_;
  SpillingVector<std::unique_ptr<UnstableOperation>> operations_;
  std::map<OriginId, Queue> queues_;
  std::vector<Element*> folds_;
  // Empty keys that still have an expiry. A write that saw the expiry but not
  // what emptied the key may come, and keeps the expiry; so it is forgotten
  // only when everybody has everything that was merged here by then.
  std::deque<Limbo, SpillingAllocator<Limbo>> limbo_;
  std::uint64_t emptied_ = 0;
  Idle idle_;
  std::size_t key_count_ = 0;

  Roster<OpenKey> dirty_keys_{Mark::dirty}, pending_keys_{Mark::pending};
  Roster<UnstableOperation> dirty_operations_{Mark::dirty}, pending_operations_{Mark::pending};
  OddRows odd_;

  LightOperations light_{odd_};
  // Operations of which some effects are light, or were. While they are among operations_.
  ByDot unpacked_;
};

}  // namespace holdfast::eventual
