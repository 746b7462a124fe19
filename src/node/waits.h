// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "base/error.h"
#include "base/reply.h"
#include "base/ticket.h"
#include "base/units.h"

namespace holdfast::node {

/// Commands that are answered once something is so, or when their time is up: WAIT, SAVE. Each is
/// tried some times a second, so there are few of them at once. Decides only. One thread.
class Waits {
 public:
  /// Whether it is so: then the reply is written. `over`: its time is up, it must be answered.
  using Try = std::function<bool(bool over, Reply& reply)>;

  /// kBusy: too many wait. `until` Monotonic::max(): for as long as it takes.
  Status add(Ticket ticket, Monotonic until, Try attempt);
  bool empty() const { return waiting_.empty(); }
  /// Answers those that are so by now, or over, if it is time to look; with Monotonic::max() all.
  void turn(Monotonic now, ReplySink& replies);
  /// Drops those for which nobody waits any more.
  void forget(const std::function<bool(Ticket)>& is_gone);
  /// When turn() has something to do next; Monotonic::max(): nobody waits.
  Monotonic next_at() const;

 private:
  struct Waiting {
    Ticket ticket;
    Monotonic until;
    Try attempt;
  };
  std::vector<Waiting> waiting_;
  Monotonic tried_;
};

}  // namespace holdfast::node
