// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace holdfast::sim {

enum class FaultKind : std::uint8_t {
  kill,            // a process, kill -9, and started again
  kill_mid_write,  // the same between two changes of the disk
  power_cut,       // what was not synced is there or not
  stop,            // SIGTERM
  pause,           // SIGSTOP
  cut,             // two nodes from each other
  cut_one_way,     // one direction of it
  isolate,         // a node from all, the engine too
  cut_etcd,        // a node from the engine
  break_connections,
  slow_network,
  etcd_outage,      // nothing is answered, as in an election
  etcd_unreliable,  // requests refused, lost, or done without an answer or late
  etcd_watches,     // events lost, repeated, reordered; watches that end or go silent
  etcd_moved,       // all watches end, as when a member does
  clock_jump,
  clock_drift,
  slow_disk,
  full_disk,
  failed_sync,
  failed_commit,  // of a checkpoint
  join,           // a new node
  leave,          // NODE REMOVE of one that will not come back
  bit_flip,       // on the disk of a node that is down
  count
};
inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(FaultKind::count);
std::string_view name_of(FaultKind kind);
std::optional<FaultKind> kind_named(std::string_view name);

struct Fault {
  FaultKind kind{};
  Millis at{};               // since the load began, or the nodes were started
  Millis lasts{};            // until it is mended, or the process started again
  std::size_t a = 0, b = 0;  // nodes
  std::uint64_t amount = 0;
};
std::string to_text(const Fault& fault);

enum class Engine : std::uint8_t { etcd, embedded, none };
std::string_view name_of(Engine engine);
std::optional<Engine> engine_named(std::string_view name);

/// Everything that a seed decides before the first step. The rest of what is by
/// chance is drawn as it comes.
struct Plan {
  std::uint64_t seed = 0;
  Engine engine = Engine::etcd;
  std::size_t nodes = 3;
  std::size_t clients = 4;
  std::uint64_t operations = 1'000;  // of all clients together
  Millis checkpoint_interval{};
  Millis request_timeout{};
  std::uint64_t think_ms_max = 0;
  std::uint64_t mesh_log_bytes = 0;  // Options' of these names
  std::uint64_t log_retained_bytes = 0;
  std::uint64_t memory_limit_bytes = 0;
  std::uint64_t ids_memory_bytes = 0;
  std::uint64_t network_ms_max = 1;
  std::uint64_t retries_everywhere_percent = 0;  // as if an answer had been lost
  bool workflows = false;                        // some of what clients do
  bool services = false;                         // everybody signs in
  bool caches = false;                           // some keep what they read
  bool stuck_runs_are_retried = false;           // when all is mended
  std::uint64_t http_trouble_percent = 0;        // of whom their steps ask
  bool breaks_from_the_start = false;  // while nodes find one another, and keyspaces are made
  std::vector<Fault> faults;

  bool has_power_cuts() const;
  /// Nodes may refuse for ever what grows.
  bool memory_is_short() const { return memory_limit_bytes < 1_MiB; }
};
struct PlanOptions {
  std::uint64_t operations = 1'000;
  std::set<std::size_t> without;  // faults that are left out, by their numbers
  std::vector<FaultKind> kinds;   // only these; none: any
  std::optional<Engine> engine;   // only this
};
Plan plan_of(std::uint64_t seed, const PlanOptions& options);
std::string to_text(const Plan& plan);

}  // namespace holdfast::sim
