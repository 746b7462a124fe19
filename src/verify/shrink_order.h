// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "verify/shrink.h"

namespace holdfast::verify {

/// shrink() for `linearizable`. Nothing where no violation is found.
std::optional<History> shrink_order(const History& history, const ShrinkOptions& options);

}  // namespace holdfast::verify
