// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/units.h"
#include "catalog/member_rows.h"
#include "catalog/members.h"
#include "log/log.h"
#include "strong/machine.h"

namespace holdfast::node {

/// This node's part among those that share a strong log: says in the log that
/// it is there, what it has made durable, and what its state has become at
/// milestones; lets the log forget what no member needs; knows when this node
/// must stop. Decides only: `append` does. One thread.
class Membership {
 public:
  /// Appends the operation; `done` gets its reply, an error too.
  using Append =
      std::function<void(const CatalogOperation&, std::function<void(std::string_view)> done)>;
  /// `self` has the id and addresses; what is durable comes from checkpoints.
  Membership(Member self, const Members& members, const strong::Machine& machine, Log& log,
             Append append);

  /// The last checkpoint, loaded or written, holds the log up to here.
  void on_durable(Position position, std::uint64_t log_bytes);
  Position durable() const { return self_.durable; }
  /// While a peer copies the checkpoint at `position`, the log keeps what
  /// follows it.
  void hold(Position position) { held_ = held_ ? std::min(*held_, position) : position; }
  void release() { held_.reset(); }

  /// Says what there is to say. At the end of every turn.
  void turn(Monotonic now);
  /// The members have changed: KeyspaceStates::set_node's hook.
  void on_changed() { changed_ = true; }

  /// Why this node must serve no more; nothing: it may. `diverged`: its data
  /// must not be used again.
  struct Stop {
    std::string why;
    bool diverged = false;
  };
  const std::optional<Stop>& stop() const { return stop_; }
  bool joined() const { return joined_; }

 private:
  void look();
  void say(const CatalogOperation& operation, bool join);
  Members::Report report() const;

  Member self_;
  const Members& members_;
  const strong::Machine& machine_;
  Log& log_;
  Append append_;

  bool joined_ = false;
  bool under_way_ = false;
  bool changed_ = true;
  Monotonic not_before_{};
  Monotonic now_{};
  std::optional<Position> held_;
  Members::Report said_;  // the last that was taken
  Position trimmed_;
  std::string differing_;  // logged already
  std::optional<Stop> stop_;
};

}  // namespace holdfast::node
