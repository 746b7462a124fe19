// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "eventual/replica.h"
#include "log/disk_log.h"
#include "mesh/freshness.h"
#include "mesh/holdings.h"
#include "mesh/outbound.h"
#include "mesh/report.h"

namespace holdfast::mesh {

/// How nodes come to have the same eventual keyspaces. Each node's log holds
/// what it wrote and what it merged, in the order in which it did; each sends its
/// log to every other; each tells what it has. From that follow what a peer is
/// still owed, what all members have (so that bookkeeping can be folded), and how
/// much of the log must stay. docs/formats/mesh.md.
///
/// Whoever owns it appends to the log what the replica decides and merges
/// (Host::entry_merged), moves frames, and brings back reports. Decides only: no
/// sockets, threads or clocks. One thread.
class Replication {
 public:
  /// `members`: all that are known, before the log is replayed: without them the
  /// replica would take what they have not for settled. `former`: this node's
  /// earlier incarnations.
  Replication(std::string node, eventual::OriginId origin,
              std::span<const eventual::OriginId> former, std::span<const std::string> members,
              eventual::Replica& replica, DiskLog& log);
  /// The log has been replayed.
  void start();

  void expect(const std::string& node);
  /// Holdings::meet() and begins_anew().
  void meet(const std::string& node, eventual::OriginId origin);
  void begins_anew(const std::string& node, eventual::OriginId origin);
  void remove(const std::string& node);
  void set_removals(std::uint64_t removals);

  /// What to tell every peer now. Only while no entry is open, everything merged
  /// is in the log.
  const Report& report(Instant wall);

  /// A peer's report, on whatever connection. kErr: it cannot be met (more
  /// members than there can be).
  Status heard(const Report& report);
  /// Some peer has more of this node's log than the node itself: its data are older than
  /// they were, and it must not go on writing behind them.
  bool is_rolled_back() const { return others_have_ > replica_.merged().at(self_); }
  /// The last of an origin's operations that is merged here; and a peer's word of this one's.
  std::uint64_t has_of(eventual::OriginId origin) const { return replica_.merged().at(origin); }
  void others_have(std::uint64_t sequence) { others_have_ = std::max(others_have_, sequence); }

  /// The peer's report was made after this moment: it sent it back.
  void fresh(const Report& report, Monotonic asked) {
    freshness_.heard(report.holdings.front().node, asked, report.merged);
  }
  /// Up to when everything that the member had is merged here; nothing: unknown.
  std::optional<Monotonic> seen_until(const std::string& node) {
    return freshness_.seen_until(node, replica_.merged());
  }

  /// An entry from a peer, on a connection that was begun in this view: as
  /// Replica::receive, and kUnavailable also while this node's log takes none. kErr:
  /// the view is another now, in which the peer has to begin again: what an
  /// incarnation that has ended left on its way must not be taken any more
  /// (eventual/stability.h).
  Status receive(eventual::View view, std::string_view entry);

  /// The peer's log comes from itself, over a connection of its own; or no more.
  void hears(const std::string& node, eventual::OriginId origin);
  void hears_no_more(const std::string& node);

  /// What this node sends the member.
  Outbound& outbound(const std::string& node);

  /// Every member has the log up to here on its disk. Position 0 while one was
  /// not heard from since this node's start.
  Position trimmable() const;

  /// The log is to do without what a checkpoint holds, of the log up to `position` and
  /// of all operations `merged`, although a member that is away lacks some. Gives up to
  /// where it may be trimmed, once what Holdings keeps is on disk; position 0: nowhere
  /// yet, ask again. What no majority has stays, however long.
  ///
  /// A majority must know before, and whoever lets go must have what others are known to
  /// let go of. Any two majorities share a node that knows of both, so what nodes have
  /// let go of are one a part of the other: whoever came last has all.
  Position let_go(Position position, const eventual::VersionVector& merged);
  /// This node gives a checkpoint of that, on which another will build.
  void gives(const eventual::VersionVector& merged) { holdings_.will_let_go(merged); }
  /// This node builds on a checkpoint of that: its log lacks what is in there.
  void builds_on(const eventual::VersionVector& merged) { holdings_.trim(merged); }
  /// Whether it can: whatever its log lacks must be in there. Reads the log.
  bool can_build_on(const eventual::VersionVector& merged) const {
    return merged.includes(holdings_.trimmed()) && merged.includes(not_in_log());
  }
  /// Some peer's log no longer has what this node lacks, and nobody is sending it.
  bool needs_checkpoint() const;

  const Holdings& holdings() const { return holdings_; }
  /// Holdings::add_members(), before the log is replayed.
  Status add_members(std::string_view bytes);

 private:
  eventual::VersionVector not_in_log() const;
  void tell_replica();
  bool is_fed_by(const std::string& node) const;

  eventual::OriginId self_;
  eventual::Replica& replica_;
  DiskLog& log_;
  Holdings holdings_;
  Freshness freshness_;
  std::uint64_t others_have_ = 0;  // of this node's own operations
  struct Told {
    eventual::VersionVector merged, trimmed;
  };
  std::map<std::string, Told, std::less<>> told_;  // by peers themselves
  struct Checkpoint {
    Position position;
    eventual::VersionVector merged;
  };
  std::optional<Checkpoint> letting_go_;
  std::optional<std::uint64_t> told_changes_;
  std::map<std::string, Outbound, std::less<>> outbound_;
  std::map<std::string, eventual::OriginId, std::less<>> hears_;
  struct Syncing {
    Position until;
    eventual::VersionVector merged;
    eventual::View view;
  };
  std::deque<Syncing> syncing_;  // on disk with the log
  Report report_;
};

}  // namespace holdfast::mesh
