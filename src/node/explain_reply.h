// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/reply.h"
#include "dedup/id_table.h"
#include "eventual/explain.h"
#include "eventual/saying.h"

namespace holdfast::node {

/// How EXPLAIN tells of it: maps, whose fields docs/eventual.md names. Decides only.
class ExplainReply {
 public:
  /// A member, or who else has written here.
  struct Origin {
    eventual::OriginId origin;
    std::string name;  // the node's
    std::uint64_t position = 0;
    std::uint64_t stable_position = 0;
  };
  struct Replica {
    std::string node;
    bool answered = false;
    std::string why;  // it did not
    eventual::Saying says;
    std::optional<Millis> behind;  // how far the node that tells may be behind it
  };
  /// Whose hash the replica keeps, and as it was written.
  struct NamedId {
    IdKey id;
    std::string_view text;
  };

  /// Of an eventual key: all but `replicas`, which must follow.
  static void begin(Reply& reply, std::string_view key, const eventual::Saying& says,
                    const eventual::Explanation& explanation, std::span<const Origin> origins,
                    std::span<const NamedId> ids);
  static void replicas(Reply& reply, std::span<const Replica> replicas);

  /// Of a strong key, which is at that place of the log.
  static void strong(Reply& reply, std::string_view key, const eventual::Saying& says,
                     std::uint64_t version, Position position);
};

}  // namespace holdfast::node
