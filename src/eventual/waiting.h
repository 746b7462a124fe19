// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "eventual/clock.h"
#include "eventual/origin_entry.h"

namespace holdfast::eventual {

/// Whether the entry's causes, and its origin's log up to it, are merged.
bool is_ready(const EntryReader& entry, const VersionVector& merged);

/// Entries that came before their causes. Bounded in bytes.
class Waiting {
 public:
  explicit Waiting(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// kBusy: there is no room. One that waits already is ignored.
  Status keep(const EntryReader& entry, std::string_view payload);
  /// Takes out an entry that is ready; lets go of those merged meanwhile.
  std::optional<std::string> take_ready(const VersionVector& merged);
  bool has(OriginId origin) const;
  /// Lets go of all but this origin's.
  void forget_others(OriginId self);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::uint64_t last;
    VersionVector seen;
    std::string payload;
  };
  using Entries = std::map<std::pair<OriginId, std::uint64_t>, Entry>;
  Entries::iterator erase(Entries::iterator it);

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  Entries entries_;  // by origin and first sequence
};

}  // namespace holdfast::eventual
