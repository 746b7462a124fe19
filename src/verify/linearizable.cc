// SPDX-License-Identifier: Apache-2.0
#include "verify/linearizable.h"

#include <array>

#include "verify/search.h"
#include "verify/shortcuts.h"

namespace holdfast::verify {
namespace {

// How many different operations of unknown outcome may stand in a row. Rarely
// is more than one needed, and a search that may take any number first takes
// all of them; so it is allowed more only where less has failed. Hasty searches
// can only show that an order exists, but show it soonest.
constexpr std::array<Search::Bounds, 5> searches{
    Search::Bounds{.kinds_in_row = 1, .hasty = true},
    Search::Bounds{.kinds_in_row = 3, .hasty = true},
    Search::Bounds{.kinds_in_row = 1},
    Search::Bounds{.kinds_in_row = 3},
    Search::Bounds{.kinds_in_row = UINT32_MAX},
};

}  // namespace

Checked linearizable(const Component& component, std::uint64_t steps_max) {
  if (auto decided = check_register(component)) return *std::move(decided);
  if (auto conflict = counter_conflict(component)) {
    return {Verdict::violation, component.ops.size(), std::move(conflict)};
  }
  Search search(component);
  Checked checked;
  for (std::size_t i = 0; i < searches.size(); ++i) {
    Search::Bounds bounds = searches[i];
    bounds.steps = steps_max / searches.size() * (i + 1);
    if (i + 1 == searches.size()) bounds.steps = steps_max;
    checked.verdict = search.run(bounds);
    checked.steps = search.steps();
    if (checked.verdict == Verdict::ok) return checked;
    if (checked.verdict == Verdict::violation && !search.was_cut()) break;
  }
  checked.failure = search.explain();
  return checked;
}

}  // namespace holdfast::verify
