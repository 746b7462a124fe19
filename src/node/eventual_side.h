// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ticket.h"
#include "base/units.h"
#include "eventual/replica.h"
#include "log/disk_log.h"

namespace holdfast::node {

/// The replica with its own log under it: what it decides is appended before
/// any reply leaves, and replies of `always` keyspaces wait for the disk.
/// One thread.
class EventualSide {
 public:
  struct Options {
    Millis request_timeout{5000};
    std::size_t queued_bytes_max = limits::queued_reply_bytes_max;
    /// The log refused an entry whose operations had been applied and some of
    /// whose replies are in output buffers: none of those may be sent.
    std::function<void()> on_broken;
  };
  EventualSide(eventual::Replica& replica, DiskLog& log, ReplySink& replies, Options options);

  /// Hears of each keyspace's last write that its readers must not outrun.
  struct Durable {
    Durability durability = Durability::always;
    Position last_write;  // of this keyspace; kept here by EventualSide
  };

  /// Runs a write (or a MULTI). True: the reply is in `reply`, good to send
  /// once end_of_turn() has run. False: the sink gets it.
  bool write(const eventual::Replica::Request& request, Durable& keyspace, Ticket ticket,
             Instant wall, Monotonic now, Reply& reply);

  /// For a reply that shows the keyspace's state: true when all it shows is
  /// as durable as promised. False: it was taken, the sink gets it when it is.
  bool shown(const Durable& keyspace, Ticket ticket, Monotonic now, Reply& reply);

  /// Appends the open entry, releases what the disk has, times out the rest.
  void turn(Monotonic now);
  /// Another node's entry was merged: it goes into the log behind whatever was
  /// decided before it.
  void append_merged(std::string_view entry);
  /// From now on until turn() what was merged goes into the log all together: nobody is told
  /// meanwhile what this node has, and no checkpoint is begun.
  void gather_merged() { gathers_ = true; }
  /// An entry that was merged is not in the log: this node must tell nobody that
  /// it has it, and start anew.
  const std::optional<Error>& lost_merged() const { return lost_merged_; }
  /// Some entry that the replica has, its own or another's, is not in the log: neither
  /// may others hear that it has it, nor may a checkpoint hold it.
  bool has_unlogged() const { return has_unlogged_; }

  /// Appends the open entry now, in the middle of a turn: for work that is
  /// larger than an entry should be.
  void append_open();

  Status writable() const { return log_.health(); }
  bool idle() const { return held_.empty(); }
  std::size_t held_bytes() const { return held_bytes_; }

 private:
  struct Held {
    Ticket ticket;
    Position position;  // release when synced; 0: at the end of the turn
    Monotonic deadline;
    Code in_doubt;  // what it is told when the disk never answers
    Replay replay;
    std::string reply;
  };
  void hold(Ticket ticket, Position position, Monotonic now, Code in_doubt, Replay replay,
            Reply& reply);
  void release();
  Position open_position() const;
  void append_gathered(std::string_view own, std::size_t own_place);

  eventual::Replica& replica_;
  DiskLog& log_;
  ReplySink& replies_;
  Options options_;
  Durability open_durability_ = Durability::everysec;
  bool open_replied_ = false;  // replies of the open entry are in output buffers
  bool gathers_ = false;
  std::vector<std::string> merged_;  // to be appended, with the open entry among them
  std::size_t merged_bytes_ = 0;
  bool taking_ = false;  // the open entry, which is not in the log yet
  std::optional<Error> lost_merged_;
  bool has_unlogged_ = false;
  std::deque<Held> held_;
  std::size_t held_bytes_ = 0;
};

}  // namespace holdfast::node
