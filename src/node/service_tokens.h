// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::node {

/// SERVICE CREATE and ROTATE: the node that is asked draws the token, puts its
/// hash into the log, and answers the token once that is applied. It is shown
/// this once and kept nowhere, so there is no answering it again: neither takes
/// a request id.
std::span<const Row> service_token_rows();

}  // namespace holdfast::node
