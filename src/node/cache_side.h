// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "node/others_caches.h"
#include "node/own_caches.h"
#include "node/replies.h"
#include "server/tracking.h"

namespace holdfast::node {

/// Caches of strong keyspaces that clients keep, where several nodes acknowledge writes to them:
/// this node's own clients', and what it holds back for those of others. One thread.
class CacheSide {
 public:
  struct Parts {
    std::string node;
    const CacheKeepers& keepers;
    server::Tracking& tracking;
    Replies& replies;
    /// OwnCaches' parts.
    std::function<void(const CatalogOperation&, std::function<void(std::string_view)> done)> append;
    std::function<void(std::function<void(bool)> done)> confirm;
    /// Whether all other members are connected.
    std::function<bool()> is_connected;
    /// Tells the other nodes up to where the clients here have been told.
    std::function<void(Position)> tell;
  };
  explicit CacheSide(Parts parts, const CacheTimes& times = {});

  /// Where operations' replies go that were applied.
  ReplySink& acknowledging() { return others_; }
  /// As Backend::may_keep_cache(): it has waited for so long, and would for no longer than
  /// `patience`.
  Result<bool> want(Millis waited, Millis patience, Monotonic now);
  void told(std::string_view node, Position position) { others_.told(node, position); }

  /// When what the log has delivered was applied, and before any client hears of it.
  void turn(Position applied, Monotonic now);
  /// Its clients have been told of everything up to there, or are cut off.
  void flushed(Position applied);
  /// Cuts off its clients' caches, at the next flush; the turn after that lets the others know.
  void stop();
  bool idle() const { return others_.idle(); }
  const OthersCaches::Counters& counters() const { return others_.counters(); }

 private:
  Parts parts_;
  const CacheTimes times_;
  OwnCaches own_;
  OthersCaches others_;
  bool stopping_ = false;
};

}  // namespace holdfast::node
