// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "table/store.h"

namespace holdfast {

/// What a store in memory holds: every family's rows. Copies are of one moment. For
/// tests and the simulator.
class MemoryRows {
 public:
  std::optional<std::string> get(Family family, std::string_view key) const;
  /// As StoreSnapshot's.
  void scan(Family family, std::string_view from,
            const std::function<bool(std::string_view key, std::string_view value)>& each) const;
  /// As Store's.
  void scan(Family family, std::string_view prefix, std::string_view from,
            const std::function<bool(std::string_view key, std::string_view value)>& each) const;
  /// What Store::commit() does to them.
  void apply(CheckpointRows changes);
  std::uint64_t rows() const;

 private:
  using Rows = std::map<std::string, std::string, std::less<>>;
  Rows& of(Family family) { return families_[static_cast<std::size_t>(family)]; }
  const Rows& of(Family family) const { return families_[static_cast<std::size_t>(family)]; }
  std::array<Rows, family_count> families_;
};

/// A snapshot of rows that do not change.
std::unique_ptr<StoreSnapshot> make_memory_snapshot(std::shared_ptr<const MemoryRows> rows);

}  // namespace holdfast
