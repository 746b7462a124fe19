// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "verify/history.h"

namespace holdfast::verify {

struct EventualChecked {
  std::uint64_t operations = 0;  // after merging tries
  std::uint64_t unknown = 0;     // of them
  std::uint64_t keys = 0;
  std::uint64_t reads = 0;  // final ones included
  struct Violation {
    const char* check;        // "causal"; of what was there in the end "lost"; or "unwritten"
    std::string explanation;  // a sentence
  };
  std::vector<Violation> violations;
};

/// Whether the keyspace was declared eventual.
bool is_eventual(const History& history, std::string_view key);

/// Takes the tries on eventual keyspaces out of the history. An error: one is on keys of
/// both guarantees.
Result<std::vector<Operation>> take_eventual(History& history);

/// What clients may rely on in eventual keyspaces, as far as it can be seen
/// from outside: a read at a node shows all that this node had acknowledged,
/// and all that stands behind the token it carried; nothing that was not
/// begun; and in the end every acknowledged operation, once. Of writes of
/// which neither is known to have seen the other any may count.
///
/// `tries` are those on eventual keyspaces. An error: a command that is not
/// known here, or keys used as two types. O(n log n) for counters; reads of a
/// text or a set are compared with each write of the key.
Result<EventualChecked> check_eventual(const History& history, std::span<const Operation> tries);

}  // namespace holdfast::verify
