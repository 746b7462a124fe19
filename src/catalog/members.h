// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "catalog/cache_keepers.h"

namespace holdfast {

/// One node of the cluster, as the log tells of it.
struct Member {
  std::string id;                       // --node
  std::string resp, http, mesh;         // where others reach it; empty: nowhere
  Position durable;                     // its last checkpoint holds the log up to here
  std::uint64_t durable_log_bytes = 0;  // all entries up to there
  /// The log goes on without it: when it returns it may have to load a peer's
  /// checkpoint.
  bool behind = false;
  Instant joined{};
  Instant heard{};  // when it last reported, by the log's time
  /// Names the data folder that it came with: another one under the same id has
  /// lost what this one had.
  std::uint64_t folder = 0;
  /// When it came with this folder, others were there and so were eventual
  /// keyspaces: what those may have settled it takes from one of them.
  bool needs_base = false;
};

/// The nodes that share the strong log, and how much of it they still need.
/// Pure and deterministic: the log carries every change, so it is the same on
/// every node at one position. One thread.
class Members {
 public:
  /// Adds the member, or replaces what was known of its id. `eventual`: there are
  /// eventual keyspaces by now. `joined`, `heard`, `behind` and `needs_base` are
  /// decided here. kErr over a limit.
  Status join(Member member, Instant now, bool eventual = false);

  /// What a member says after a checkpoint and at milestones.
  struct Report {
    Position durable;
    std::uint64_t durable_log_bytes = 0;
    Position milestone;  // 0: none yet
    std::uint64_t digest = 0;
  };
  /// kErr: no such member. Others that hold up the log by more than it keeps for
  /// them are marked as behind, while a majority is left.
  Status report(std::string_view id, const Report& report, Instant now);

  /// How much of the log is kept for a member that is away: log_retained_bytes_max, unless a
  /// simulated cluster has another limit. The same at every node, from the log's beginning on.
  void set_log_retained_bytes(std::uint64_t bytes) { log_retained_bytes_ = bytes; }

  Status remove(std::string_view id);

  /// How many were ever taken out.
  std::uint64_t removals() const { return removals_; }

  const Member* find(std::string_view id) const;
  /// In the order of their ids.
  const std::map<std::string, Member, std::less<>>& all() const { return members_; }

  /// Every member not marked as behind has made the log durable up to here:
  /// entries before may be forgotten. Never goes back.
  Position trimmable() const { return trimmable_; }

  /// Which of them keep caches for their clients.
  CacheKeepers& caches() { return caches_; }
  const CacheKeepers& caches() const { return caches_; }

  /// Why the member must stop: at some milestone its state was another than
  /// that of a majority, or no majority agreed at all. Nothing while it may be
  /// right.
  std::optional<std::string> dissent(std::string_view id) const;
  /// Members whose digest differed from `id`'s at some milestone.
  std::optional<std::string> differing(std::string_view id) const;

  std::string encode() const;
  /// kCorrupt, and nothing changed, when the bytes are none of encode()'s.
  Status decode(std::string_view bytes);

 private:
  using Digests = std::map<std::string, std::uint64_t, std::less<>>;  // by member
  void settle(std::uint64_t log_bytes);
  std::size_t majority() const { return members_.size() / 2 + 1; }

  std::map<std::string, Member, std::less<>> members_;
  std::map<Position, Digests> milestones_;  // the newest few
  Position trimmable_;
  std::uint64_t log_retained_bytes_ = limits::log_retained_bytes_max;
  std::uint64_t removals_ = 0;
  CacheKeepers caches_;
};

}  // namespace holdfast
