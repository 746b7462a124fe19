// SPDX-License-Identifier: Apache-2.0
#include "node/tracked_tables.h"

namespace holdfast::node {

void TrackedTables::expire(KeyspaceStates& keyspaces, Instant strong_time, Instant eventual_time) {
  if (!tracking_.any()) return due_.pass(strong_time, eventual_time);
  due_.for_each(keyspaces, strong_time, eventual_time,
                [&](std::string_view key) { tracking_.changed(key); });
}

}  // namespace holdfast::node
