// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "trial/connection.h"
#include "trial/faults.h"
#include "trial/own_cluster.h"
#include "verify/check.h"
#include "verify/history.h"

namespace holdfast::trial {

struct Plan {
  std::vector<Address> nodes;  // of a cluster that runs; empty: one of the trial's own
  OwnClusterOptions own;
  std::vector<std::string> keyspaces;  // to work in; empty: two of its own, dropped at the end
  std::chrono::seconds duration{30};
  std::size_t clients = 16;
  double operations_per_second = 2'000;  // of all clients together, at most
  std::uint64_t seed = 0;
  bool faults = true;
  std::chrono::seconds patience{60};  // for nodes to answer after a start or a fault
  Hooks hooks;
};

/// What was done and seen.
struct Trial {
  verify::History history;
  /// What the history alone does not tell: digests that differ, a node that did not come back.
  std::vector<verify::Report::Violation> beyond;
  std::string cluster;             // for a person
  std::vector<std::string> notes;  // what was left out, and why
  std::uint64_t operations = 0;    // answered for good
  std::uint64_t given_up = 0;
  milliseconds converged{0};  // from the last operation until eventual replicas were equal
};

struct Progress {
  milliseconds elapsed;
  std::uint64_t operations;
  std::size_t faults;
  std::string now_broken;
};

/// Puts a cluster under load and faults, and reads all of it at the end. Takes
/// `duration` and some seconds. On one thread. An error: it could not be done;
/// what breaks because of the cluster is in the trial.
Result<Trial> run_trial(const Plan& plan, const std::function<void(const Progress&)>& progress);

}  // namespace holdfast::trial
