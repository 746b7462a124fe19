// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "command/row.h"

namespace holdfast {

/// FUNCTION LOAD's arguments. kErr in Redis' words.
struct LoadOptions {
  std::string_view source;
  bool replace = false;
};
Result<LoadOptions> read_load(Args args);

/// FUNCTION RESTORE's.
struct RestoreOptions {
  std::vector<std::string_view> sources;
  bool flushes = false;
  bool replaces = false;
};
Result<RestoreOptions> read_restore(Args args);

/// FUNCTION LOAD, DELETE, LIST, DUMP, RESTORE, FLUSH, STATS, KILL, HELP.
std::span<const Row> function_rows();

}  // namespace holdfast
