// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "command/row.h"

namespace holdfast {

/// An operation on the catalog that a node puts into the log itself: its row and
/// arguments. The arguments are views of `texts`.
struct CatalogOperation {
  const Row* row = nullptr;
  std::vector<std::string> texts;
  ServiceId caller{};  // for whom; nobody: for itself
  std::vector<std::string_view> args() const { return {texts.begin(), texts.end()}; }
};

}  // namespace holdfast
