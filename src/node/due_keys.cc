// SPDX-License-Identifier: Apache-2.0
#include "node/due_keys.h"

#include <algorithm>

#include "node/keyspace_states.h"

namespace holdfast::node {

DueKeys::Times DueKeys::advance(Instant strong_time, Instant eventual_time) {
  const Times before = until_;
  until_ = {std::max(until_.strong, strong_time), std::max(until_.eventual, eventual_time)};
  return before;
}

void DueKeys::for_each(KeyspaceStates& keyspaces, Instant strong_time, Instant eventual_time,
                       absl::FunctionRef<void(std::string_view key)> each) {
  const Times after = advance(strong_time, eventual_time);
  for (KeyspaceState* const state : keyspaces.all()) {
    const bool strong = state->guarantee == Guarantee::strong;
    state->table.for_each_due(strong ? after.strong : after.eventual,
                              strong ? until_.strong : until_.eventual, each);
  }
}

}  // namespace holdfast::node
