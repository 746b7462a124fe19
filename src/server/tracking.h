// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/string_hash.h"

namespace holdfast::server {

/// Of which keys a connection hears when they change: CLIENT TRACKING's arguments.
struct TrackingMode {
  bool broadcasts = false;  // of all under its prefixes; else of those that it has read
  bool opts_in = false;     // of those that it reads behind CLIENT CACHING YES
  bool opts_out = false;    // but for those that it reads behind CLIENT CACHING NO
  bool no_loop = false;     // not of what it changes itself
  std::vector<std::string> prefixes;
};

/// One who keeps values that it has read.
class CacheHolder {
 public:
  virtual ~CacheHolder() = default;
  /// Names it as the one who writes; never given again.
  virtual std::uint64_t writer_id() const = 0;
  /// The keys have, or may have, other values: whatever it keeps of them is old.
  virtual void forget_keys(std::span<const std::string_view> keys) = 0;
  virtual void forget_all() = 0;
  /// It can be told no more: its connection ends, and by that it knows.
  virtual void cut(std::string_view why) = 0;
};

/// Who is told of which keys' changes. Pure. One thread. Changes are noted as they are made, and
/// told by tell(), which whoever applies them calls before it lets anybody know of them.
///
/// What a holder read is remembered until that key changes, or, past `keys_max` keys, until
/// room is needed: then it is told as if it had changed. So it may be told too often, but never too
/// seldom.
class Tracking {
 public:
  explicit Tracking(std::size_t keys_max = limits::tracked_keys_max) : keys_max_(keys_max) {}

  /// Anew, if it is followed already. kErr: two of its prefixes, or one and one that it had,
  /// overlap.
  Status begin(CacheHolder& holder, TrackingMode mode);
  void end(CacheHolder& holder);
  /// null: it is not followed.
  const TrackingMode* mode_of(const CacheHolder& holder) const;

  /// The holder is about to read the key, and may keep what it reads. Does nothing for those
  /// that broadcast. O(1).
  void reads(const CacheHolder& holder, std::string_view key);

  /// Who makes the changes to come; 0: nobody who is here.
  void set_writer(std::uint64_t writer_id) { writer_ = writer_id; }
  /// A change is made. O(who broadcasts, and who has read it).
  void changed(std::string_view key);
  /// All keys of a keyspace are gone.
  void cleared() { all_changed_ = true; }
  /// Tells who has to know of what was noted since.
  void tell();
  /// Nobody can be told from now on.
  void cut_all(std::string_view why);

  bool any() const { return !holders_.empty(); }
  std::size_t holders() const { return holders_.size(); }
  /// Keys that somebody has read.
  std::size_t keys() const { return keys_.size(); }
  /// Those of them with that name before their first ':'.
  std::size_t keys_of(std::string_view keyspace) const;
  std::size_t prefixes() const;

  struct Counters {
    std::uint64_t told = 0;     // keys, for each holder
    std::uint64_t evicted = 0;  // keys told of because there were too many
  };
  const Counters& counters() const { return counters_; }

 private:
  using Readers = std::vector<std::uint64_t>;  // ids; of those that have gone, too
  struct Held {
    CacheHolder* holder;
    TrackingMode mode;
    std::vector<std::string> told;  // keys that it has to be told of
  };
  void note(std::uint64_t id, std::string_view key);
  void make_room();
  void forget(StringMap<Readers>::iterator key);

  const std::size_t keys_max_;
  std::uint64_t writer_ = 0;
  absl::flat_hash_map<std::uint64_t, Held> holders_;  // by writer_id
  std::vector<std::uint64_t> broadcasting_;           // ids
  std::vector<std::uint64_t> to_tell_;                // ids
  StringMap<Readers> keys_;
  StringMap<std::size_t> by_keyspace_;  // how many, for those that have some
  bool all_changed_ = false;
  Counters counters_;
};

}  // namespace holdfast::server
