// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/tracking.h"
#include "table/table.h"

namespace holdfast::node {

/// What the tables of a node tell those who keep caches of it. Tables tell only while somebody
/// does.
class TrackedTables final : public Table::Listener {
 public:
  server::Tracking& tracking() { return tracking_; }
  const server::Tracking& tracking() const { return tracking_; }
  void changed(std::string_view key) override { tracking_.changed(key); }
  void cleared() override { tracking_.cleared(); }

 private:
  server::Tracking tracking_;
};

}  // namespace holdfast::node
