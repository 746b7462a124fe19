// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string_view>

#include "verify/history.h"

namespace holdfast::verify {

using Keys = std::set<std::string_view>;

/// What an operation did and was told as far as these keys go; nothing if it
/// named none of them. A transaction's other commands go, and with them their
/// replies, as do the other keys of MGET and MSET.
std::optional<Operation> narrow(const Operation& one, const Keys& keys);

/// Takes out what a transaction was refused: such a command changed nothing,
/// and the checker takes nothing from its error. Nothing if that is all of it.
/// With its answer forgotten it would be read as one that might have been applied.
std::optional<Operation> without_errors(const Operation& one);

/// Takes out the reads. Nothing if it is nothing else.
std::optional<Operation> without_reads(const Operation& one);

/// The same where no answer came. Its commands were not refused: see above.
Operation unanswered(Operation one);

}  // namespace holdfast::verify
