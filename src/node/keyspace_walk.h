// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/units.h"
#include "catalog/catalog.h"
#include "node/keyspace_states.h"

namespace holdfast::node {

/// Walks keys across keyspaces in steps. The cursor is stateless: the table's own cursor and the
/// keyspace's place, together below 2^53: clients in JavaScript (node-redis 4) read it as a double.
class KeyspaceWalk {
 public:
  using Time = std::function<Instant(const KeyspaceState&)>;
  using Shown = std::function<bool(const KeyspaceState&)>;
  /// `shown`: whether a keyspace is walked at all.
  KeyspaceWalk(
      Catalog& catalog, KeyspaceStates& states, Time time,
      Shown shown = [](const KeyspaceState&) { return true; })
      : catalog_(catalog), states_(states), time_(std::move(time)), shown_(std::move(shown)) {}

  /// Where a keyspace's table is walked on from a cursor of its own or a hash.
  static std::uint64_t cursor_of(std::uint16_t place, std::uint64_t table_cursor);

  /// Visits at least `count` keys unless the end is met; gives the next cursor,
  /// 0 at the end. A pattern whose literal start names a keyspace confines the
  /// walk to it.
  std::uint64_t step(std::uint64_t cursor, std::size_t count, std::string_view pattern,
                     const Table::Visit& visit);
  /// Visits all.
  void all(std::string_view pattern, const Table::Visit& visit);

 private:
  std::optional<KeyspaceId> confined_to(std::string_view pattern) const;
  KeyspaceState* at_or_after(std::uint64_t place);

  Catalog& catalog_;
  KeyspaceStates& states_;
  Time time_;
  Shown shown_;
};

}  // namespace holdfast::node
