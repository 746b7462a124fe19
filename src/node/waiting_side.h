// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "node/keyspace_states.h"
#include "node/waiting_pops.h"
#include "strong/sequencer.h"

namespace holdfast::node {

/// The requests that wait for something to take, on this node's log and tables.
class WaitingSide final : WaitingPops::Host {
 public:
  /// Attempts' replies come to `pops` by this number of a connection, which is none's.
  static constexpr std::uint64_t connection = ~std::uint64_t{1};

  /// `replies`: where clients are answered.
  WaitingSide(strong::Sequencer& sequencer, KeyspaceStates& keyspaces, ReplySink& replies,
              std::function<Monotonic()> clock);

  WaitingPops pops;

  /// A moment is that of its turn.
  std::optional<Monotonic> deadline_after(Millis wait) const;
  /// Ends all waits while the engine is out of reach: elsewhere they may go on.
  void look_at_engine();

 private:
  Status attempt(const WaitingPops::Request& request, Attempt attempt,
                 std::uint64_t number) override;
  std::optional<Held> held(KeyspaceId keyspace, std::string_view key) override;
  bool still_admits(const WaitingPops::Request& request) override;
  void answer(Ticket ticket, std::string_view reply, Replay replay) override;
  Table& table(KeyspaceId keyspace) override;

  strong::Sequencer& sequencer_;
  KeyspaceStates& keyspaces_;
  ReplySink& replies_;
  std::function<Monotonic()> clock_;
};

}  // namespace holdfast::node
