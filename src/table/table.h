// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "table/store.h"
#include "value/value.h"

namespace holdfast {

class Disposal;

/// The live values of one keyspace, in memory over the store's last
/// checkpoint. Pure: time is given; the store is asked only for keys that are
/// not in memory, and where it cannot be read then, the process ends: it has
/// no answer to give. One thread owns it.
///
/// Keys lie in `slot_count` slots by the top bits of their hash (seeded with
/// nothing: the same on every node), so that no rehash stalls more than a
/// slot, and a scan in hash order needs no memory of its own.
class Table {
 public:
  Table(KeyspaceId keyspace, Store& store);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  struct Found {
    const Value* value;     // nullptr: no such key, or it has expired by `now`
    std::uint64_t version;  // of its last change; 0 when there is none
  };

  // -- Reading. Pointers hold until the next call that changes the table.
  Found read(std::string_view key, Instant now);
  const Value* find(std::string_view key, Instant now) { return read(key, now).value; }
  /// What commands that only read choose at random by, beside the time. 0, as it is at first: what
  /// they answer must be the same on every node.
  void set_chance(std::uint64_t chance) { chance_ = chance; }
  std::uint64_t chance() const { return chance_; }
  /// Brings towards the caches what a read or change of the key will touch, for
  /// whoever knows some keys ahead: with many keys that is most of a read's time.
  /// Each step reads what the one before has asked for, so that other keys'
  /// steps should lie between: first its place in the index (returned is what the
  /// others are given),
  std::uint64_t prefetch(std::string_view key) const;
  /// then the entry,
  void prefetch_entry(std::uint64_t hash) const;
  /// then what hangs on it: a long key's bytes, and a value that is not short.
  void prefetch_content(std::uint64_t hash) const;
  /// then, of a hash or a set, what finds this field or member.
  void prefetch_item(std::uint64_t hash, std::string_view item) const;
  /// The time at which the key goes, if one is set and it is still there.
  std::optional<Instant> expiry(std::string_view key, Instant now);

  // -- Changing. `version` marks what changes; set it before each operation.
  void set_version(std::uint64_t version) { version_ = version; }
  /// The value to change in place; nullptr when there is none. A key expired by
  /// `now` is erased first.
  Value* change(std::string_view key, Instant now);
  /// Makes or replaces the value. Keeps an expiry that is set: the caller
  /// clears it where its command does.
  Value& put(std::string_view key, Value value);
  bool erase(std::string_view key);
  /// Moves what is at `from`, its expiry included, to where nothing is left of what was. Both
  /// differ; `from` is there.
  void move(std::string_view from, std::string_view to);
  /// Sets or (nothing) clears. The key must be there.
  void set_expiry(std::string_view key, std::optional<Instant> at);
  /// Erases everything.
  void clear();

  /// Live keys, expired but unerased ones included. O(1).
  std::uint64_t size() const;

  /// A time before which no key expires; nothing when none has an expiry. O(1).
  std::optional<Instant> next_expiry() const;
  /// Visits the keys that are there whose time is after `after` and not after `until`, in the order
  /// of their times. O(such keys, and those whose time was put off from then).
  void for_each_due(Instant after, Instant until,
                    const std::function<void(std::string_view key)>& each);
  /// Erases up to `max` keys that are due; calls `each` with every one before.
  std::size_t expire(Instant now, std::size_t max,
                     const std::function<void(std::string_view key)>& each);

  // -- Taking back. From begin_undo() on, what changes (values in place, too) is remembered, until
  // undo() makes everything as it was then, versions and the order within collections included, or
  // keep() lets go. Work and memory are as the changes', not as the collections'. Between, no
  // checkpoint is begun or written, nothing evicted or cleared, and no other table of the thread
  // does the same.
  void begin_undo();
  void undo();
  void keep();

  /// Told of each change when it is made, of what is taken back only if it is kept. It may note
  /// that, but not use the table.
  class Listener {
   public:
    virtual ~Listener() = default;
    /// The key has, or may have, another value or expiry, or it is gone.
    virtual void changed(std::string_view key) = 0;
    /// All keys are gone.
    virtual void cleared() = 0;
    /// The same as changed(), of what may still be taken back; what is kept is told again.
    virtual void changed_so_far(std::string_view /*key*/) {}
  };
  /// Who frees what is large; null: it is freed at once. It must outlive the table.
  void set_disposal(Disposal* disposal);
  /// Where nobody listens it costs nothing. It must live until it is removed.
  void add_listener(Listener& listener) { listeners_.push_back(&listener); }
  void remove_listener(Listener& listener) { std::erase(listeners_, &listener); }

  // -- Walking
  using Visit = std::function<void(std::string_view key, const Value& value)>;
  static constexpr int cursor_bits = 37;
  /// Visits some keys whose hash is at or after the cursor's, at least `count`
  /// unless the end is met; returns the next cursor, 0 at the end. Cursors
  /// hold the upper cursor_bits of the hash, the others are 0. Every key that is there throughout a
  /// whole walk is met, whatever else changes.
  std::uint64_t scan(std::uint64_t cursor, std::size_t count, Instant now, const Visit& visit);
  void for_each(Instant now, const Visit& visit);
  /// A number that is equal for equal contents (keys, values, expiries),
  /// whatever the history. Values compare by content: the order of a set's
  /// members does not count, that of a list's items does. O(n).
  std::uint64_t digest(Instant now);
  /// One key's part in it; 0: it is not there. O(its value).
  std::uint64_t digest_of(std::string_view key, Instant now);

  // -- Checkpoints: begin freezes the state as it is; slices encode it while
  // changes go on (a value about to change is encoded first, so that the
  // checkpoint is of one moment); end tells how the commit went.
  void begin_checkpoint();
  /// Encodes up to `max_keys`, of large values some pieces; true when all are.
  bool checkpoint_slice(CheckpointRows& rows, std::size_t max_keys);
  void end_checkpoint(bool committed);

  /// Loads the count and the expiries; values stay on disk until asked for.
  Status load();
  /// Reads values into memory until `stop` says so (a memory limit). kCorrupt
  /// when one is damaged or keys are missing.
  Status warm(const std::function<bool()>& stop);
  /// Drops clean values from memory, those not used lately first, about `bytes`
  /// of them; returns how many bytes. O(1) when it finds none and no checkpoint
  /// was committed, nor value read, since it last found none.
  std::size_t evict(std::size_t bytes);
  /// Memory held, roughly. O(1). A collection counts by the number of its items
  /// and the size of its first few, a list as it is; what change() gave away is counted again at
  /// the next call that is not a read.
  std::size_t memory_bytes() const;

 private:
  struct Impl;
  class Undo;
  void tell(std::string_view key) {
    for (Listener* const listener : listeners_)
      undo_ == nullptr ? listener->changed(key) : listener->changed_so_far(key);
  }

  std::unique_ptr<Impl> impl_;
  std::unique_ptr<Undo> undo_;  // while changes are remembered
  std::vector<Listener*> listeners_;
  std::uint64_t version_ = 0;
  std::uint64_t chance_ = 0;
};

}  // namespace holdfast
