// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::node {

/// What orders the strong log, as --engine names it: "embedded", or
/// "etcd://HOST:PORT,HOST:PORT,…".
struct Engine {
  /// Whether other nodes follow the log too.
  bool shared() const { return !etcd.empty(); }
  std::vector<std::string> etcd;  // its endpoints
};

/// kErr says what is wrong with the text.
Result<Engine> parse_engine(std::string_view text);

}  // namespace holdfast::node
