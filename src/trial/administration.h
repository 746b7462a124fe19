// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "trial/client.h"

namespace holdfast::trial {

/// What a trial asks of a cluster beside its load. Nodes are asked in turn
/// until one answers otherwise than "for now not".
boost::asio::awaitable<Result<verify::Answer>> insist(Load& load, verify::Command command,
                                                      milliseconds patience);

struct KeyspaceFacts {
  bool eventual = false;
  bool requires_id = false;
};
/// KEYSPACE INFO, of every node: all know it alike. Nothing: some node does not.
boost::asio::awaitable<std::optional<KeyspaceFacts>> keyspace_facts(Load& load, std::string name);

/// The keys that operations of the history named, in one keyspace.
std::set<std::string> keys_in(const verify::History& history, const Ground& ground);

/// What one node answers for these keys: strong reads of the strong ones, its
/// own view of the eventual ones. Members of sets are sorted.
boost::asio::awaitable<Result<std::map<std::string, verify::Answer>>> read_all(
    Load& load, Address node, const Ground& ground, const std::set<std::string>& keys);

/// The keyspace's digest, at each node that answers.
boost::asio::awaitable<std::set<std::string>> digests(Load& load, std::string keyspace);

}  // namespace holdfast::trial
