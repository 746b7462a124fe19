// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>

#include "base/units.h"
#include "base/wire.h"
#include "strong/operation.h"

namespace holdfast::strong {

/// The last entry applied of every appender, so that a copy that lands again
/// is known. Deterministic: what is forgotten depends on the log alone. Every
/// start of a node is an appender; whenever limits::appenders_kept more have come,
/// those silent for limits::appender_kept_ms of the log's time are forgotten,
/// and over limits::appenders_max the one silent longest.
class Appenders {
 public:
  /// False when this entry or a later one of its appender was applied. An
  /// engine lands an appender's entries in order, so an earlier one that comes
  /// late is a copy, or one that was given up.
  bool is_new(AppendName name) const;
  void applied(AppendName name, Instant time);
  std::size_t size() const { return last_.size(); }

  void encode(std::string& out) const;
  void decode(wire::Reader& in);  // into a fresh one; in.ok() tells

 private:
  struct Last {
    std::uint64_t counter = 0;
    Instant time{};
  };
  void forget(Instant now);

  absl::flat_hash_map<std::uint64_t, Last> last_;  // by incarnation
};

}  // namespace holdfast::strong
