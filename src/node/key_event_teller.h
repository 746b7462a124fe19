// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/units.h"
#include "catalog/catalog.h"
#include "command/key_events.h"
#include "node/due_keys.h"
#include "node/messages.h"

namespace holdfast::node {

class KeyspaceStates;

/// Tells this node's subscribers what happens to keys: makes messages of it, for who may use the
/// key. One thread.
class KeyEventTeller final : public key_events::Sink {
 public:
  KeyEventTeller(Messages& messages, Catalog& catalog, KeyspaceStates& keyspaces)
      : messages_(messages), catalog_(catalog), keyspaces_(keyspaces) {}

  /// CONFIG's notify-keyspace-events.
  std::uint32_t kinds() const { return kinds_; }
  void set_kinds(std::uint32_t kinds) { kinds_ = kinds; }

  /// null: nobody would hear anything.
  key_events::Sink* sink() {
    const bool wanted = key_events::tells(kinds_) && messages_.subscriptions().any();
    return wanted ? this : nullptr;
  }

  void happened(key_events::Kind kind, std::string_view event, std::string_view key) override;

  /// Tells of the keys whose time has come since this was called last, by the times at which reads
  /// are made in strong and in eventual keyspaces. O(such keys).
  void tell_expired(Instant strong_time, Instant eventual_time);

 private:
  Messages& messages_;
  Catalog& catalog_;
  KeyspaceStates& keyspaces_;
  std::uint32_t kinds_ = key_events::none;
  DueKeys due_;
  std::string channel_;
};

}  // namespace holdfast::node
