// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/units.h"
#include "eventual/origin_entry.h"
#include "table/table.h"

namespace holdfast::eventual {

/// What an effect comes to when nothing of its key is unstable and everybody
/// has everything: a change of the table, with no bookkeeping.

/// At the origin; finds out whether the effect is fresh. False: the key holds
/// another type, so nothing was done and the key must be opened.
bool apply_direct_here(Table& table, Instant now, MergedEffect& effect);
/// Merging; the effect says whether it is fresh.
bool apply_direct(Table& table, const MergedEffect& effect);

/// Whether the operation sees anything at the key; marks its effect so.
void mark_fresh(MergedEffect& effect, bool visible);

}  // namespace holdfast::eventual
