// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/string_hash.h"
#include "verify/history.h"

namespace holdfast::verify {

/// What one operation, all its tries together, does to one key.
struct EventualWrite {
  enum class Kind : std::uint8_t { increment, put, erase, add, remove };
  Kind kind = Kind::put;
  std::int64_t delta = 0;   // of increment
  std::string value;        // of put; of add and remove the member
  Time first_start = 0;     // it had no effect before
  std::uint64_t tries = 0;  // that may have had it
  Time only_start = 0;      // of the one try, at `only_node`, where there was one
  std::string_view only_node;
  std::map<std::string_view, Time> acknowledged;  // when each node had first
  std::string named;                              // for a person

  bool is_acknowledged() const { return !acknowledged.empty(); }
  /// Whether the operation `node` ran at `time` or later had seen this one.
  bool seen_at(std::string_view node, Time time) const {
    const auto at = acknowledged.find(node);
    return at != acknowledged.end() && at->second < time;
  }
  /// Whether it had certainly seen `other`: a retried operation may be the
  /// first try, wherever that was, so then nobody knows.
  bool saw(const EventualWrite& other) const {
    return tries == 1 && other.seen_at(only_node, only_start);
  }
};

/// What one read was told of one key.
struct EventualRead {
  enum class Kind : std::uint8_t { value, members, member };
  Kind kind = Kind::value;
  std::string member;  // of kind member
  Answer answer;
  std::string_view node;
  Time start = 0;
  Time end = 0;
  std::optional<After> after;
  bool final = false;  // after everything: it must show all that was acknowledged
  std::string named;

  /// Whether it had to show what `write` did.
  bool must_show(const EventualWrite& write) const {
    if (final) return write.is_acknowledged();
    return write.seen_at(node, start) || (after && write.seen_at(after->node, after->start));
  }
  /// Whether it may have.
  bool may_show(const EventualWrite& write) const { return final || write.first_start < end; }
};

struct EventualKey {
  enum class Type : std::uint8_t { unknown, counter, text, set };
  Type type = Type::unknown;
  std::vector<EventualWrite> writes;
  std::vector<EventualRead> reads;
};

struct EventualKeys {
  StringMap<EventualKey> keys;
  std::uint64_t operations = 0;
  std::uint64_t unknown = 0;
};

/// Sorts tries and final values by key. What is returned points into
/// `history` and `tries`.
Result<EventualKeys> eventual_keys(const History& history, std::span<const Operation> tries);

}  // namespace holdfast::verify
