// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "verify/models.h"

namespace holdfast::verify {

enum class Verdict : std::uint8_t { ok, violation, undecided };

/// Operations that no order can hold together, or the order that came furthest
/// and what could not follow it.
struct Failure {
  std::string conflict;             // a sentence; empty: the order that came furthest
  std::uint64_t placed = 0;         // operations with a known outcome in that order
  std::uint64_t known = 0;          // of so many
  std::vector<std::uint32_t> last;  // the last of the order, as numbers of operations
  std::vector<std::pair<std::string, std::string>> state;  // then, of the keys concerned
  struct Blocked {
    std::uint32_t operation = 0;
    std::string why;
    std::optional<std::uint32_t> whom;  // an operation that `why` ends in
  };
  std::vector<Blocked> blocked;  // one of these had to be next; the first was due
};

struct Checked {
  Verdict verdict = Verdict::ok;
  std::uint64_t steps = 0;         // operations tried in a place
  std::optional<Failure> failure;  // of a violation
};

inline constexpr std::uint64_t steps_max_default = 50'000'000;
inline constexpr std::size_t failure_last_max = 8;

/// Whether some order of the component's operations gives every answer that
/// was given and puts what ended before another began before it. Operations of
/// unknown outcome may stand anywhere from their start on, or nowhere.
///
/// A search for the order from its beginning, as Wing and Gong ("Testing and
/// verifying concurrent objects", 1993) do it, that never looks twice at the
/// same operations placed and state reached (Lowe, "Testing for
/// linearizability", 2017); on one component at a time (Horn and Kroening,
/// "Faster linearizability checking via P-compositionality", 2015). Those sets
/// are remembered by 128 bits of hash. `ok` is always shown by an order found;
/// a collision, by chance one in 10^20 histories, could turn it into violation.
/// Deterministic: the same component and bound, the same verdict.
Checked linearizable(const Component& component, std::uint64_t steps_max = steps_max_default);

}  // namespace holdfast::verify
