// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "eventual/origin_entry.h"
#include "log/disk_log.h"
#include "mesh/frame.h"
#include "mesh/packing.h"
#include "mesh/report.h"

namespace holdfast::mesh {

/// What this node still owes one peer of its log, which has all that it merged in
/// an order in which it can be merged: first what it wrote itself; and of others'
/// operations those that the peer does not hear from the others themselves.
///
/// Needs no memory of what was sent before: the peer says what it has, and what
/// it has is passed over. Decides only; frames go out through `pump`. One thread.
class Outbound {
 public:
  struct Options {
    eventual::OriginId self;
    // Sent, and not yet merged by the peer: back-pressure, and what is sent again
    // after a connection broke.
    std::size_t window_bytes = limits::mesh_window_bytes;
    // Entries whose way to the peer's disk is watched; 0 bytes for those that
    // others send it.
    std::size_t watched_max = limits::mesh_watched_entries_max;
  };
  /// `trimmed`: what the log may no longer have (Holdings::trimmed()); outlives this.
  Outbound(DiskLog& log, const eventual::VersionVector& trimmed, Options options)
      : log_(log), trimmed_(trimmed), options_(options), cursor_(Position{}) {}

  /// A connection is up and the peer has told what it has. `packs`: entries are to be
  /// packed for it.
  void begin(const Report& theirs, bool packs = false);
  void heard(const Report& theirs);

  /// Appends frames to `out` until it has about `bytes_max`. True: there is more
  /// to send now. An error is the log's.
  Result<bool> pump(FrameWriter& frames, std::string& out, std::size_t bytes_max);

  /// Nothing is sent: the log no longer has all that the peer lacks, and it has to get
  /// a checkpoint.
  bool needs_checkpoint() const { return !merged_.includes(trimmed_); }

  /// All of the log up to here is on the peer's disk: what this node still keeps
  /// of it, it does not keep for this peer.
  Position acknowledged() const { return acknowledged_; }
  std::size_t in_flight_bytes() const { return in_flight_bytes_; }
  /// Log entries that the peer is not known to have merged.
  std::uint64_t behind() const;

 private:
  struct Watched {
    Position position;
    eventual::Dot last;     // its last operation
    std::size_t bytes = 0;  // 0: not sent by this node
  };
  bool take(const LogEntry& entry, FrameWriter& frames, std::string& out);
  void settle();
  void rewind();
  void flush(FrameWriter& frames, std::string& out);

  DiskLog& log_;
  const eventual::VersionVector& trimmed_;
  Options options_;
  eventual::OriginId peer_;         // the incarnation that was begun with
  eventual::VersionVector merged_;  // the peer's
  eventual::VersionVector disk_;
  std::vector<eventual::OriginId> hears_;

  LogCursor cursor_;
  std::deque<Watched> watched_;   // in the log's order, from acknowledged_ on
  std::size_t merged_count_ = 0;  // of these from the front: merged by the peer
  std::size_t in_flight_bytes_ = 0;
  Position acknowledged_;
  std::string body_;  // of the frame being filled
  bool packs_ = false;
  Packer packer_;
};

}  // namespace holdfast::mesh
