// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::node {

/// What orders the strong log, as --engine names it: "embedded", or
/// "etcd://HOST:PORT,HOST:PORT,…". Among peers without etcd nothing does: each
/// node's disk would order its own.
struct Engine {
  /// Whether other nodes follow the log too.
  bool shared() const { return !etcd.empty(); }
  /// Whether there are strong keyspaces.
  bool strong() const { return !peers; }
  /// Whether there can be other nodes.
  bool clustered() const { return shared() || peers; }

  std::vector<std::string> etcd;  // its endpoints
  bool peers = false;             // were listed
};

/// kErr says what is wrong with the texts.
Result<Engine> parse_engine(std::string_view text, std::span<const std::string> peers = {});

}  // namespace holdfast::node
