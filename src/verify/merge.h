// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "verify/history.h"

namespace holdfast::verify {

struct Merged {
  /// Operations that were, or may have been, applied; in the order of `start`.
  std::vector<Operation> operations;
  /// Ids whose tries were answered differently; each a sentence. A violation.
  std::vector<std::string> differing;
};

/// What the tries of one operation, with an id, have in common and no others.
std::string identity_of(const Operation& one);

/// Makes one operation of all tries with one id in one keyspace, and drops
/// what was certainly not applied. The operation was applied no earlier than
/// the first try that may have been was sent, and no later than the first
/// answer that tells it was. An error, of the history: one id, two commands.
Result<Merged> merge_retries(std::vector<Operation> tries);

}  // namespace holdfast::verify
