// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/reply.h"
#include "base/units.h"
#include "catalog/catalog.h"
#include "command/row.h"

namespace holdfast {

/// As KEYSPACE's commands say no.
void refuse(Reply& reply, std::string message);

/// What KEYSPACE CREATE and ALTER say behind the name.
struct KeyspaceSettings {
  std::optional<Guarantee> guarantee;
  KeyspaceChange change;
};

/// The options from args[3] on, in any order; of one given twice the last counts.
/// Nothing, the error written, when they are none.
std::optional<KeyspaceSettings> read_settings(Args args, Reply& reply);
/// Likewise, and a guarantee is among them.
std::optional<KeyspaceSettings> read_creation(Args args, Reply& reply);

/// With a default for what was not said.
Keyspace wanted_keyspace(std::string_view name, const KeyspaceSettings& settings, Instant now);

}  // namespace holdfast
