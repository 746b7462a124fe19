// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventual/element.h"
#include "table/table.h"
#include "value/value.h"

namespace holdfast::eventual {

struct OpenKey;

/// Why a key has its value on one replica: what of its history the replica's
/// bookkeeping still has, and which of that counts.
///
/// The parts that count add up to the value, expiry included. What does not
/// count is told as far as it is kept, and that is not all: what every member
/// has is folded into `stable`, and what an operation without a request id
/// removed is gone at once.
struct Explanation {
  /// An effect of an operation that some member may not have yet.
  struct Effect {
    enum class What : std::uint8_t {
      put,     // a text
      add,     // an increment, or a member
      remove,  // of a field or member
      clear,   // of everything at the key
      expire,  // at `number`, in milliseconds since 1970; expiry_never: persist
    };
    What what{};
    ElementKind kind{};
    std::string element;
    std::string text;  // cut to Bounds::text_bytes
    std::size_t text_bytes = 0;
    std::int64_t number = 0;
    /// It also removed, first, all that its operation had seen at the key.
    bool clears = false;
    /// An operation that saw it removes it.
    bool covered = false;
    /// It is a part of what the key shows. Not so what is covered, a text where a later
    /// one wins, an increment of a text that is no number, and removals.
    bool counts = false;
    Dot dot;  // of the try that counts
    HybridTime time;
    std::optional<IdKey> id;
  };
  struct Origin {
    std::vector<Effect> effects;  // of each element the latest first
    std::size_t left_out = 0;     // effects past Bounds::effects
    HybridTime latest;            // of its operations that are kept at this key
    bool has_sum = false;         // increments of the key's own number that count, and theirs:
    std::int64_t sum = 0;
  };
  /// What is folded of an element: who did it, and when, is no longer known.
  struct Folded {
    ElementKind kind{};
    std::string element;
    bool has_put = false;
    bool has_sum = false;  // or the member is there
    std::string text;
    std::size_t text_bytes = 0;
    std::int64_t number = 0;  // the sum, or an expiry's time
    bool covered = false;
    bool put_counts = false, sum_counts = false;
  };
  /// A request id whose operation is kept at this key.
  struct Id {
    IdKey id;
    Dot counted;             // the try that is the operation
    std::vector<Dot> tries;  // all that have come
    bool replies_differ = false;
  };

  bool open = false;          // something of it is kept
  std::optional<Type> shown;  // what readers see, if it has not expired
  std::vector<Type> hidden;   // types that concurrent operations made it as well
  std::optional<Instant> expiry;
  std::map<OriginId, Origin> origins;  // that have effects here
  std::vector<Folded> stable;
  std::size_t stable_left_out = 0;
  std::vector<Id> ids;
  std::size_t ids_left_out = 0;

  struct Bounds {
    std::size_t effects = 100;  // of an origin
    std::size_t elements = 100;
    std::size_t ids = 100;
    std::size_t text_bytes = 128;
  };
};

/// `key`: what is open of it; nullptr: nothing. O(what is kept of the key).
Explanation explain(const OpenKey* key, Table& table, std::string_view name,
                    const Explanation::Bounds& bounds);

}  // namespace holdfast::eventual
