// SPDX-License-Identifier: Apache-2.0
#include "node/command_watch.h"

namespace holdfast::node {
namespace {

constexpr std::chrono::seconds closer_look{2};
// On a machine that is too busy turns are long since the process has to wait. To time every
// command costs some percent, so a look that finds nothing is not soon followed by another.
constexpr std::chrono::seconds pause_behind_a_look{30};

}  // namespace

void CommandWatch::add(const Row& row, Args args, ServiceId caller, Monotonic began) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock() - began);
  latency_.add((row.flags & flag_fast) != 0 ? "fast-command" : "command", wall_(), took);
  if (!slow_.is_on() || took < slow_.slower_than()) return;
  found_ = true;
  slow_.add(wall_(), took, args, caller).keyspace = keyspace_of_ ? keyspace_of_(row, args) : "";
  ++unnamed_;
}

void CommandWatch::ran(const Row& row, Args args, ServiceId caller, Ticket ticket,
                       Monotonic began) {
  unnamed_ = 0;
  add(row, args, caller, began);
  replied(ticket);
}

void CommandWatch::ended(const Row& row, Args args, ServiceId caller) {
  add(row, args, caller, began_);
}

void CommandWatch::name_clients(Ticket ticket) {
  const auto [address, name] = client_(ticket);
  slow_.name_newest(std::exchange(unnamed_, 0), address, name);
}

void CommandWatch::turn_ended(Monotonic began) {
  unnamed_ = 0;
  const bool found = std::exchange(found_, false);
  if (!slow_.is_on() && !latency_.is_on()) return;
  const Monotonic now = clock();
  if (latency_.is_on() && now - began >= latency_.threshold()) {
    latency_.add("turn", wall_(),
                 std::chrono::duration_cast<std::chrono::microseconds>(now - began));
  }
  if (!slow_.is_on()) return;
  const bool unexplained = !found && now - began >= slow_.slower_than();
  const bool goes_on = found && looks_closer_;
  if (goes_on || (unexplained && now >= closer_until_ + pause_behind_a_look))
    closer_until_ = now + closer_look;
  looks_closer_ = now < closer_until_;
}

}  // namespace holdfast::node
