// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"

namespace holdfast {

/// What a keyspace promises and how it is kept.
struct Keyspace {
  KeyspaceId id;
  std::string name;
  Guarantee guarantee = Guarantee::strong;
  std::string owner;  // a service's name; empty: none
  Millis retain_ids{limits::retain_ids_ms_default};
  bool require_id = false;
  Durability durability = Durability::always;
  std::uint64_t ids_bytes_max = 0;  // MAX-IDS-BYTES, 0: no limit
  Instant created{};
};

/// What ALTER changes; what is not set stays.
struct KeyspaceChange {
  std::optional<std::string> owner;
  std::optional<Millis> retain_ids;
  std::optional<bool> require_id;
  std::optional<Durability> durability;
  std::optional<std::uint64_t> ids_bytes_max;
};

/// 1 to 64 of [A-Za-z0-9_.-]: what may stand before a key's first ':'.
bool is_keyspace_name(std::string_view name);

/// The keyspaces by name and by id. `default` (id 1, strong) is always there.
/// Ids start at 1 and are never reused. Pure and deterministic: the strong log
/// carries every change, so it is the same on every node at one position. Where
/// no log orders the changes (catalog/declarations.h) ids come from names. One
/// thread.
class Catalog {
 public:
  static constexpr KeyspaceId default_id{1};
  /// From here on ids are made of names; with 31 bits, since a row's key has more.
  static constexpr std::uint32_t named_ids_begin = 1U << 30;
  static constexpr std::string_view default_name = "default";

  Catalog();
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  // -- Looking up. Pointers and references hold until the keyspace is dropped
  // or decode() is called; an ALTER changes the object in place.

  /// Nothing when no keyspace has the name. O(1), no allocation.
  const Keyspace* find(std::string_view name) const;
  const Keyspace* find(KeyspaceId id) const;
  /// Whether a keyspace has had this counted id, be it that it was dropped.
  bool has_given(KeyspaceId id) const { return id.value < next_id_; }
  /// The keyspace that the key is in: the one named by the part before its
  /// first ':', or `default`. O(1), no allocation.
  const Keyspace& of_key(std::string_view key) const;
  const Keyspace& default_keyspace() const { return *default_; }
  /// All, in the order of their ids.
  std::vector<const Keyspace*> all() const;
  std::size_t size() const { return by_name_.size(); }
  /// Grows with every change: whoever keeps something made from the catalog
  /// compares it.
  std::uint64_t version() const { return version_; }

  // -- Changing. Errors are kErr and leave everything as it was.

  /// Adds a keyspace; its id is given here, whatever `wanted` says.
  Result<const Keyspace*> create(Keyspace wanted);
  Result<const Keyspace*> alter(std::string_view name, const KeyspaceChange& change);
  /// Takes the keyspace out and hands it over: nothing finds it any more.
  Result<std::unique_ptr<const Keyspace>> drop(std::string_view name);

  /// The same for a name at all nodes, whoever declares it. Two names may share one.
  static KeyspaceId id_of_name(std::string_view name);
  /// Why the keyspace cannot be as wanted, whatever there is.
  static Status check(const Keyspace& wanted);
  /// Adds a keyspace whose id is made of its name, or replaces its settings. It has
  /// been checked.
  const Keyspace& put(Keyspace keyspace);

  // For the checkpoint: docs/formats/catalog.md.
  std::string encode() const;
  /// kCorrupt, and nothing changed, when the bytes are no catalog.
  Status decode(std::string_view bytes);

 private:
  Keyspace* add(Keyspace keyspace);
  void changed();

  absl::flat_hash_map<std::string_view, Keyspace*> by_name_;  // views of the objects' names
  std::map<std::uint32_t, std::unique_ptr<Keyspace>> by_id_;
  std::uint32_t next_id_ = default_id.value;
  const Keyspace* default_ = nullptr;
  std::uint64_t version_ = 0;

  // The last name of_key() met and what it led to: most keys come in runs of
  // one keyspace. A keyspace's own name, or an undeclared one (then `default`).
  mutable char last_name_[limits::keyspace_name_bytes_max]{};
  mutable std::size_t last_size_ = 0;  // 0: nothing is kept
  mutable const Keyspace* last_ = nullptr;
};

}  // namespace holdfast
