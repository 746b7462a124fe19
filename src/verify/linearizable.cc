// SPDX-License-Identifier: Apache-2.0
#include "verify/linearizable.h"

#include <array>

#include "verify/search.h"

namespace holdfast::verify {
namespace {

// How many different operations of unknown outcome may stand in a row. Rarely
// is more than one needed, and a search that may take any number first takes
// all of them; so it is allowed more only where less has failed.
constexpr std::array<std::uint32_t, 3> kinds_in_row{1, 3, UINT32_MAX};

}  // namespace

Checked linearizable(const Component& component, std::uint64_t steps_max) {
  Search search(component);
  Checked checked;
  for (std::size_t i = 0; i < kinds_in_row.size(); ++i) {
    // Each further search gets at least as much as those before it together.
    const std::uint64_t part = steps_max >> (kinds_in_row.size() - 1 - i);
    checked.verdict = search.run({.steps = part, .kinds_in_row = kinds_in_row[i]});
    checked.steps = search.steps();
    if (checked.verdict == Verdict::ok) return checked;
    if (checked.verdict == Verdict::violation && !search.was_cut()) break;
  }
  checked.failure = search.explain();
  return checked;
}

}  // namespace holdfast::verify
