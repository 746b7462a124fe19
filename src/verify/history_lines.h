// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "verify/history.h"

namespace holdfast::verify {

/// The history in the format of docs/history.md, one line each thing: what was
/// before, the operations in their order, what was at the end, the faults.
/// read_history() reads back the same history, but for the numbers of lines.
std::string to_lines(const History& history);

}  // namespace holdfast::verify
