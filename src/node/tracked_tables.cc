// SPDX-License-Identifier: Apache-2.0
#include "node/tracked_tables.h"

#include <algorithm>
#include <utility>

#include "node/keyspace_states.h"

namespace holdfast::node {

void TrackedTables::expire(KeyspaceStates& keyspaces, Instant strong_time, Instant eventual_time) {
  const Instant strong_after = std::exchange(strong_until_, std::max(strong_until_, strong_time));
  const Instant eventual_after =
      std::exchange(eventual_until_, std::max(eventual_until_, eventual_time));
  if (!tracking_.any()) return;
  for (KeyspaceState* const state : keyspaces.all()) {
    const bool strong = state->guarantee == Guarantee::strong;
    state->table.for_each_due(strong ? strong_after : eventual_after,
                              strong ? strong_until_ : eventual_until_,
                              [&](std::string_view key) { tracking_.changed(key); });
  }
}

}  // namespace holdfast::node
