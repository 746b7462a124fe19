// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "command/row.h"
#include "node/slow_log.h"

namespace holdfast::node {

class Node;

/// An entry as the caller may see it: of its own service whole, of others who administers sees the
/// command's name and whose keyspace it was. Nothing: not at all.
std::optional<SlowLog::Entry> shown_to(Node& node, ServiceId caller, const SlowLog::Entry& entry);

/// SLOWLOG.
std::span<const Row> slow_rows();

}  // namespace holdfast::node
