// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/units.h"
#include "node/due_keys.h"
#include "server/tracking.h"
#include "table/table.h"

namespace holdfast::node {

class KeyspaceStates;

/// What the tables of a node tell those who keep caches of it. Tables tell only while somebody
/// does.
class TrackedTables final : public Table::Listener {
 public:
  server::Tracking& tracking() { return tracking_; }
  const server::Tracking& tracking() const { return tracking_; }

  void changed(std::string_view key) override { tracking_.changed(key); }
  void cleared() override { tracking_.cleared(); }

  /// Keys whose time has come since this was asked last have changed, though their tables may have
  /// them yet. The times of strong and of eventual keyspaces.
  void expire(KeyspaceStates& keyspaces, Instant strong_time, Instant eventual_time);

 private:
  server::Tracking tracking_;
  DueKeys due_;
};

}  // namespace holdfast::node
