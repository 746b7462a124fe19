// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "verify/history.h"

namespace holdfast::verify {

/// shrink() for what is checked of eventual keyspaces: one read that is wrong,
/// and the writes of its key that make it so. Reads do not depend on one
/// another, nor keys, nor members of a set; of the writes those go without which
/// it could only be less wrong: of a text that shows, those of others; of one
/// that is missing, all but what may have removed it. Nothing where no violation
/// of this kind is found.
std::optional<History> shrink_eventual(const History& history, const std::string& check);

}  // namespace holdfast::verify
