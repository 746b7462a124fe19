// SPDX-License-Identifier: Apache-2.0
#include "node/command_watch.h"

namespace holdfast::node {
namespace {

constexpr std::chrono::seconds closer_look{10};

}  // namespace

void CommandWatch::add(const Row& row, Args args, ServiceId caller, Monotonic began) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock() - began);
  if (took < slow_.slower_than()) return;
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
  if (!slow_.is_on()) return;
  const Monotonic now = clock();
  if (!found && now - began >= slow_.slower_than()) closer_until_ = now + closer_look;
  looks_closer_ = now < closer_until_;
}

}  // namespace holdfast::node
