// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/wire.h"

namespace holdfast {

/// The nodes whose clients may keep caches of strong keyspaces, as the log tells of it: whoever
/// acknowledges a write waits for them (node/others_caches.h). Pure and deterministic, as Members,
/// of which it is a part. One thread.
class CacheKeepers {
 public:
  struct Keeper {
    /// Names what the log said of it last: another than any before.
    std::uint64_t number = 0;
    /// It was put out, and may not have heard so yet.
    bool leaving = false;
  };

  /// The node may let its clients keep caches from here on.
  void begin(std::string_view node);
  // The others do nothing unless the number is the node's at present: they may come late.
  /// The node says that nobody keeps a cache there.
  void end(std::string_view node, std::uint64_t number);
  /// Another node has not heard of it in time.
  void put_out(std::string_view node, std::uint64_t number);
  /// So long after that that its clients' caches are cut off.
  void forget(std::string_view node, std::uint64_t number);
  /// It is no member any more: as if it had been put out.
  void removed(std::string_view node);

  /// null: it is none.
  const Keeper* find(std::string_view node) const;
  const std::map<std::string, Keeper, std::less<>>& all() const { return keepers_; }
  /// Whether there is any but this one. O(1).
  bool any_but(std::string_view node) const;

  /// Whether there ever was one: else there is nothing to encode.
  bool met_any() const { return last_number_ != 0; }
  /// docs/formats/members.md
  void encode(std::string& out) const;
  /// False: those were none.
  bool decode(wire::Reader& in);

 private:
  Keeper* current(std::string_view node, std::uint64_t number);

  std::map<std::string, Keeper, std::less<>> keepers_;
  std::uint64_t last_number_ = 0;
};

}  // namespace holdfast
