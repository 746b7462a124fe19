// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/latencies.h"
#include "base/units.h"

namespace holdfast::node {

class Node;

/// How this node and its cluster are at the moment: what /v1/events tells once a second. Made of
/// what is counted where it happens, and nothing is kept while nobody asks. What is "a second" is
/// the difference to the picture before, so the first one lacks it.
class LiveState {
 public:
  explicit LiveState(Node& node) : node_(node) {}

  /// One line of JSON (docs/http.md) of what the caller may see.
  std::string json(ServiceId caller);

 private:
  /// What is counted since the node's start, at one moment.
  struct Sample {
    Monotonic at;
    std::uint64_t commands = 0, refused = 0;
    Latencies latencies, appends;
    absl::flat_hash_map<std::uint32_t, std::uint64_t> keyspaces;  // commands, by id
  };
  /// Of the time between two of them.
  struct Rates {
    double seconds = 0;
    std::uint64_t commands = 0, refused = 0;
    Latencies latencies, appends;
    absl::flat_hash_map<std::uint32_t, std::uint64_t> keyspaces;
  };
  struct Runs {
    std::uint64_t running = 0, undoing = 0, stuck = 0;
  };
  Sample take() const;
  void refresh();
  std::string caller_json(ServiceId caller) const;
  std::string links_json() const;
  std::string engine_json() const;
  std::string load_json() const;
  std::string latency_json() const;
  std::string keyspaces_json(ServiceId caller, std::size_t& left_out) const;
  std::string runs_json(ServiceId caller) const;
  std::string slow_json(ServiceId caller) const;
  std::string calls_json(ServiceId caller) const;
  /// The reply to a catalog's row, as JSON.
  std::string shown(ServiceId caller, std::initializer_list<std::string_view> words) const;

  Node& node_;
  std::optional<Sample> last_;
  std::optional<Rates> rates_;
  absl::flat_hash_map<std::uint32_t, Runs> runs_;  // by service
};

}  // namespace holdfast::node
