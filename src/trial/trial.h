// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
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
  Login login;
  std::vector<Address> nodes;  // of a cluster that runs; empty: one of the trial's own
  OwnClusterOptions own;
  std::vector<std::string> keyspaces;  // to work in; empty: two of its own, dropped at the end
  std::chrono::seconds duration{30};   // of a round
  std::size_t rounds = 1;
  std::size_t clients = 16;
  double operations_per_second = 2'000;  // of all clients together, at most
  std::uint64_t seed = 0;
  bool faults = true;
  std::chrono::seconds patience{60};  // for nodes to answer after a start or a fault
  Hooks hooks;
};

/// What was done and seen in one round.
struct Trial {
  std::size_t round = 0;
  std::uint64_t seed = 0;
  verify::History history;
  /// What the history alone does not tell: digests that differ, a node that did not come back.
  std::vector<verify::Report::Violation> beyond;
  std::string cluster;             // for a person
  std::vector<std::string> notes;  // what was left out, and why
  std::uint64_t operations = 0;    // answered for good
  std::uint64_t given_up = 0;
  milliseconds converged{0};   // from the last operation until eventual replicas were equal
  std::optional<Usage> usage;  // at the end, of a cluster of its own
};

struct Progress {
  std::size_t round;
  milliseconds elapsed;
  std::uint64_t operations;
  std::size_t faults;
  std::string now_broken;
};

struct Listener {
  std::function<void(const Progress&)> progress;  // some times a second
  /// A round is over; whether there is to be another.
  std::function<bool(Trial)> judge;
};

/// Puts a cluster under load and faults in rounds, the same cluster in all, and
/// reads what clients left there at the end of each. A round takes `duration`
/// and some seconds. On one thread. An error: it could not be done; what breaks
/// because of the cluster is in the trial.
Status run_trials(const Plan& plan, const Listener& listener);

}  // namespace holdfast::trial
