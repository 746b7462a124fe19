// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "verify/history.h"

namespace holdfast::trial {

/// A keyspace that clients work on, and how their keys in it begin.
struct Ground {
  std::string keyspace;
  bool eventual = false;
  std::string prefix;  // "likes:verify-7-"
};

/// One operation of a client, before it has an id and a node.
struct Step {
  std::vector<verify::Command> commands;
  bool multi = false;
  bool write = false;
  bool eventual = false;
};

/// Draws what one client does. Keys are new every few seconds: short histories
/// of a key are checked fast. Counters, registers and transfers on strong
/// ground; counters, texts and sets on eventual ground, where every text and
/// member is written once, so that whoever sees it is known to have seen that
/// write. Pure. One thread.
class Workload {
 public:
  /// What stands behind the prefix in the key of a set.
  static constexpr char set_kind = 's';

  Workload(const std::vector<Ground>& grounds, std::size_t client, std::uint64_t seed)
      : grounds_(grounds), client_(client), random_(seed) {}

  /// Since the trial's start.
  Step next(std::chrono::milliseconds elapsed);
  /// True in so many of a hundred.
  bool percent(unsigned of_100) { return below(100) < of_100; }
  std::uint64_t below(std::uint64_t end) {
    return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random_);
  }

 private:
  Step strong_step(const Ground& ground, const std::string& generation);
  Step eventual_step(const Ground& ground, const std::string& generation);
  Step set_step(const std::string& key);
  std::string key(const Ground& ground, char kind, const std::string& generation, std::uint64_t of);
  std::string fresh_value();

  const std::vector<Ground>& grounds_;
  std::size_t client_;
  std::mt19937_64 random_;
  std::uint64_t values_ = 0;
  std::map<std::string, std::vector<std::string>> added_;  // members, by set
  std::string generation_;
};

}  // namespace holdfast::trial
