// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/units.h"

namespace holdfast::etcd {

/// What we ask of etcd, without saying how it is carried: gRPC in a node, an
/// etcd of our own in tests. The words are those of etcd's API.

struct Header {
  std::uint64_t cluster_id = 0;
  std::int64_t revision = 0;
};

struct KeyValue {
  std::string key;
  std::string value;
  std::int64_t mod_revision = 0;
  std::int64_t version = 0;  // how often the key was put since it was made
};

/// Why there is no answer.
struct Failure {
  enum class Kind : std::uint8_t {
    not_done,   // certainly not: never sent, or refused before anything happened
    unknown,    // perhaps done, or yet to be
    no_space,   // not done: etcd's quota is used up
    compacted,  // the revision asked for is gone
    invalid,    // not done, and never will be as it is
  };
  Kind kind = Kind::unknown;
  std::string text;  // etcd's own words
};
template <typename T>
using Answer = tl::expected<T, Failure>;
template <typename T>
using Done = std::function<void(Answer<T>)>;

struct Compare {
  enum class Kind : std::uint8_t {
    absent,
    present,
    unchanged,  // the key was last put at `revision`; 0: it is absent
    older,      // every key from `key` to before `end` was last put before `revision`
  };
  std::string key;
  Kind kind = Kind::absent;
  std::string end;
  std::int64_t revision = 0;
};
struct Put {
  std::string key;
  std::string value;
  std::int64_t lease = 0;
};
/// Keys from `first` to before `end`.
struct Delete {
  std::string first;
  std::string end;
};
/// Puts and deletes happen if every compare holds, in one revision.
struct Transaction {
  std::vector<Compare> compares;
  std::vector<Put> puts;
  std::vector<Delete> deletes;
  /// Whoever asks sees its success on a watch: that answer need wake nobody.
  bool watched = false;
};
struct TransactionResult {
  Header header;
  bool succeeded = false;
};

/// Keys from `first` to before `end`, in their order; an empty `end` is `first` alone.
struct Range {
  std::string first;
  std::string end;
  std::int64_t limit = 0;             // 0: all
  std::int64_t revision = 0;          // 0: now, linearizable
  std::int64_t min_mod_revision = 0;  // 0: any
  std::int64_t max_mod_revision = 0;  // 0: any
  bool keys_only = false;
  bool count_only = false;
};
struct RangeResult {
  Header header;
  std::vector<KeyValue> kvs;
  bool more = false;
  std::int64_t count = 0;  // of keys in the range, whatever `limit` and the revisions' bounds say
};

/// What a watch brings: puts only, deletions are left out.
struct WatchEvents {
  Header header;
  std::vector<KeyValue> puts;
  bool ended = false;  // no more will come; `compacted`: the start is gone
  bool compacted = false;
  bool moved = false;  // only to be begun again, with another member
  std::string reason;
};

struct MemberStatus {
  std::string endpoint;
  std::string version;
  std::int64_t database_bytes = 0;
  std::int64_t database_bytes_used = 0;
};

/// Threads: all calls on the owner's thread. Answers come from deliver() only,
/// each exactly once, none after destruction.
class Api {
 public:
  virtual ~Api() = default;

  virtual void transact(Transaction transaction, Millis timeout, Done<TransactionResult> done) = 0;
  virtual void range(Range range, Millis timeout, Done<RangeResult> done) = 0;
  /// Forgets all history before the revision.
  virtual void compact(std::int64_t revision, Millis timeout, Done<Header> done) = 0;

  /// Watches the keys from `first` to before `end`, from `revision` on; ends the
  /// watch that was there.
  virtual void watch(std::string first, std::string end, std::int64_t revision,
                     std::function<void(WatchEvents)> on_events) = 0;
  virtual void stop_watching() = 0;

  /// Of every member that answers.
  virtual void status(Millis timeout, Done<std::vector<MemberStatus>> done) = 0;
  /// Gives every member's free pages back to its disk, then ends the alarm of a
  /// used up quota. Members do not answer while they do.
  virtual void reclaim_space(Millis timeout, Done<Header> done) = 0;

  virtual void grant_lease(std::chrono::seconds ttl, Millis timeout, Done<std::int64_t> done) = 0;
  /// Once: the lease lives for its whole time again. `invalid`: it has ended.
  virtual void keep_alive(std::int64_t lease, Millis timeout, Done<Header> done) = 0;

  /// Runs what has been answered.
  virtual void deliver() = 0;
  virtual Monotonic now() const = 0;
};

/// The first key after all that start with `prefix` (whose last byte is not FF).
inline std::string prefix_end(std::string prefix) {
  ++prefix.back();
  return prefix;
}

}  // namespace holdfast::etcd
