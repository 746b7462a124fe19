// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace holdfast::verify {

/// Tries to do without those marked, of the things there are now. If that
/// works they are gone, with or without others, and it returns how many are left.
using Attempt = std::function<std::optional<std::size_t>(const std::vector<bool>& unwanted)>;

/// Has `attempt` leave out what it can of so many things: all but one part of
/// them, or one part, of ever smaller parts, until each single one is needed.
/// The algorithm ddmin of Zeller and Hildebrandt, "Simplifying and isolating
/// failure-inducing input" (2002); only that after a part is gone it goes on
/// with the next and not with the first.
void minimize(std::size_t things, const Attempt& attempt);

}  // namespace holdfast::verify
