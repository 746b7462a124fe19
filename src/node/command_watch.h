// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <utility>

#include "base/ticket.h"
#include "base/units.h"
#include "command/call_watch.h"
#include "node/call_counts.h"
#include "node/latency_log.h"
#include "node/slow_log.h"

namespace holdfast::node {

/// Watches what this node's clients have run: which commands are slow, and who calls which
/// functions.
///
/// Reading the clock for each command of a pipeline costs more than some commands do. So a command
/// is timed by itself where its row says that it may be long (it is no O(1) read, or a function).
/// Of all others one look at the clock a turn tells whether any can have been slow: none took
/// longer than its turn. A turn that did take so long, and in which nothing that was timed explains
/// it, begins a closer look: for some seconds every command is timed. So what is slow now and then
/// is found the next time, and at no cost while nothing is. Whoever wants to see what took less
/// than a turn does (0: everything) has each timed.
class CommandWatch final : public CallWatch {
 public:
  /// Who is at the other end of a ticket's connection: HOST:PORT and its name.
  using Client = std::function<std::pair<std::string, std::string>(Ticket)>;
  CommandWatch(std::function<Monotonic()> clock, std::function<Instant()> wall, Client client)
      : clock_(std::move(clock)), wall_(std::move(wall)), client_(std::move(client)) {}

  SlowLog& slow() { return slow_; }
  LatencyLog& latency() { return latency_; }
  const LatencyLog& latency() const { return latency_; }
  CallCounts& calls() { return calls_; }
  const CallCounts& calls() const { return calls_; }
  /// Names the keyspace of a command's first key or function.
  void set_keyspace_of(std::function<std::string(const Row&, Args)> keyspace_of) {
    keyspace_of_ = std::move(keyspace_of);
  }

  /// Whether the command is to be timed.
  bool times(const Row& row) const {
    if (slow_.is_on() && (looks_closer_ || slow_.slower_than() < shorter_than_turns)) return true;
    return (slow_.is_on() || latency_.is_on()) && may_be_long(row);
  }
  Monotonic clock() const { return clock_(); }
  /// It has run on what its client waits for.
  void ran(const Row& row, Args args, ServiceId caller, Ticket ticket, Monotonic began);

  // CallWatch: what runs from the log.
  bool begins(const Row& row) override {
    if (!times(row)) return false;
    began_ = clock();
    return true;
  }
  void ended(const Row& row, Args args, ServiceId caller) override;
  void called(ServiceId caller, std::string_view function, bool failed) override {
    calls_.called(caller, function, failed);
  }

  /// The reply to what ran from the log last goes to this ticket.
  void replied(Ticket ticket) {
    if (unnamed_ > 0) name_clients(ticket);
  }
  /// A turn that began then is over.
  void turn_ended(Monotonic began);

 private:
  static constexpr std::chrono::microseconds shorter_than_turns{100};
  static bool may_be_long(const Row& row) {
    if (row.access == Access::function) return true;
    const bool reads = row.access == Access::read || row.access == Access::node;
    return reads && row.complexity != "O(1)";
  }
  void add(const Row& row, Args args, ServiceId caller, Monotonic began);
  void name_clients(Ticket ticket);

  std::function<Monotonic()> clock_;
  std::function<Instant()> wall_;
  Client client_;
  std::function<std::string(const Row&, Args)> keyspace_of_;
  SlowLog slow_;
  LatencyLog latency_;
  CallCounts calls_;
  Monotonic began_;          // what runs from the log
  std::size_t unnamed_ = 0;  // newest entries whose client is not known yet
  bool found_ = false;       // something slow in this turn
  bool looks_closer_ = false;
  Monotonic closer_until_;
};

}  // namespace holdfast::node
