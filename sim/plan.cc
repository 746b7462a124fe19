// SPDX-License-Identifier: Apache-2.0
#include "sim/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/agenda.h"

namespace holdfast::sim {
namespace {

constexpr std::array<std::string_view, fault_kinds> names = {
    "kill",          "kill_mid_write", "power_cut",       "stop",         "pause",
    "cut",           "cut_one_way",    "isolate",         "cut_etcd",     "break_connections",
    "slow_network",  "etcd_outage",    "etcd_unreliable", "etcd_watches", "etcd_moved",
    "clock_jump",    "clock_drift",    "slow_disk",       "full_disk",    "failed_sync",
    "failed_commit", "join",           "leave",           "bit_flip"};

constexpr std::array<std::string_view, 3> engines = {"etcd", "embedded", "none"};

bool fits(FaultKind kind, const Plan& plan) {
  switch (kind) {
    case FaultKind::cut:
    case FaultKind::cut_one_way:
    case FaultKind::break_connections:
      return plan.nodes > 1;
    case FaultKind::cut_etcd:
    case FaultKind::etcd_outage:
    case FaultKind::etcd_unreliable:
    case FaultKind::etcd_watches:
    case FaultKind::etcd_moved:
      return plan.engine == Engine::etcd;
    case FaultKind::join:
    case FaultKind::bit_flip:
      return plan.engine != Engine::embedded && plan.nodes > 1;
    case FaultKind::leave:
      return plan.engine != Engine::embedded && plan.nodes > 2;
    default:
      return true;
  }
}

Fault draw(FaultKind kind, Random& random, const Plan& plan, std::uint64_t load_ms) {
  Fault fault{.kind = kind, .at = random.millis(0, load_ms), .lasts = random.millis(10, 6'000)};
  fault.a = random.below(plan.nodes);
  fault.b = plan.nodes > 1 ? (fault.a + 1 + random.below(plan.nodes - 1)) % plan.nodes : 0;
  fault.amount = random.number();
  if (random.percent(20)) fault.lasts = random.millis(6'000, 30'000);
  return fault;
}

}  // namespace

std::string_view name_of(FaultKind kind) {
  return names[static_cast<std::size_t>(kind)];
}

std::optional<FaultKind> kind_named(std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<FaultKind>(found - names.begin());
}

std::string_view name_of(Engine engine) {
  return engines[static_cast<std::size_t>(engine)];
}

std::optional<Engine> engine_named(std::string_view name) {
  const auto found = std::ranges::find(engines, name);
  if (found == engines.end()) return std::nullopt;
  return static_cast<Engine>(found - engines.begin());
}

std::string to_text(const Fault& fault) {
  return fmt::format("{} n{} (n{}) at {} ms for {} ms", name_of(fault.kind), fault.a + 1,
                     fault.b + 1, fault.at.count(), fault.lasts.count());
}

bool Plan::has_power_cuts() const {
  return std::ranges::any_of(faults,
                             [](const Fault& fault) { return fault.kind == FaultKind::power_cut; });
}

Plan plan_of(std::uint64_t seed, const PlanOptions& options) {
  Random random(seed);
  Plan plan{.seed = seed, .operations = options.operations};
  const auto engine = random.below(10);
  plan.engine = engine < 6 ? Engine::etcd : engine < 9 ? Engine::none : Engine::embedded;
  if (options.engine) plan.engine = *options.engine;
  plan.nodes = plan.engine == Engine::embedded ? 1 : random.between(1, 4);
  if (plan.engine == Engine::none) plan.nodes = std::max<std::size_t>(plan.nodes, 2);
  plan.clients = random.between(2, 8);
  plan.checkpoint_interval = random.millis(300, 10'000);
  plan.request_timeout = random.millis(500, 5'000);
  plan.think_ms_max = random.percent(50) ? 10 : 200;
  // So little that logs are given up, values evicted and ids kept on disk.
  plan.mesh_log_bytes = random.percent(40) ? 64_KiB : 4096_MiB;
  plan.memory_limit_bytes = random.percent(12) ? 80_KiB + 1_KiB * random.below(200) : 4_GiB;
  plan.ids_memory_bytes = random.percent(40) ? 16_KiB : 512_MiB;
  plan.network_ms_max = random.percent(70) ? 2 : 40;
  plan.retries_everywhere_percent = random.percent(50) ? 20 : 0;
  plan.workflows = plan.engine != Engine::none && random.percent(40);
  plan.stuck_runs_are_retried = random.percent(50);
  plan.http_trouble_percent = random.percent(70) ? random.below(60) : 0;

  plan.breaks_from_the_start = random.percent(30);
  // A token is shown once: whoever does not hear the first one can do nothing about it.
  plan.services = plan.engine != Engine::none && !plan.breaks_from_the_start && random.percent(25);
  // Few kinds at a time: what one hides another does not.
  std::vector<FaultKind> kinds;
  const std::uint64_t wanted = random.percent(5) ? 0 : random.between(1, 5);
  std::vector<FaultKind> possible = options.kinds;
  if (possible.empty()) {
    for (std::size_t i = 0; i < fault_kinds; ++i) possible.push_back(static_cast<FaultKind>(i));
  }
  std::erase_if(possible, [&](FaultKind kind) { return !fits(kind, plan); });
  while (!possible.empty() && kinds.size() < wanted)
    kinds.push_back(possible[random.below(possible.size())]);
  const std::uint64_t load_ms =
      plan.operations / plan.clients * (plan.think_ms_max / 2 + 3 * plan.network_ms_max + 2);
  const std::uint64_t count = kinds.empty() ? 0 : random.between(1, 12);
  for (std::size_t i = 0; i < count; ++i) {
    Fault fault = draw(kinds[random.below(kinds.size())], random, plan, load_ms);
    if (plan.breaks_from_the_start && random.percent(50)) fault.at = random.millis(0, 500);
    if (!options.without.contains(i)) plan.faults.push_back(fault);
  }
  plan.caches = plan.engine == Engine::etcd && random.percent(35);
  // So little that a node which was away loads a peer's checkpoint.
  plan.log_retained_bytes = random.percent(50) ? 2_KiB << random.below(5) : 64_MiB;
  return plan;
}

std::string to_text(const Plan& plan) {
  std::string text = fmt::format(
      "seed {}: engine {}, {} nodes, {} clients, {} operations, checkpoints every {} ms, request "
      "timeout {} ms, think {} ms, network {} ms, mesh log {} bytes, shared log {} bytes, memory "
      "{} bytes, ids {} bytes",
      plan.seed, name_of(plan.engine), plan.nodes, plan.clients, plan.operations,
      plan.checkpoint_interval.count(), plan.request_timeout.count(), plan.think_ms_max,
      plan.network_ms_max, plan.mesh_log_bytes, plan.log_retained_bytes, plan.memory_limit_bytes,
      plan.ids_memory_bytes);
  if (plan.workflows)
    text += fmt::format(", workflows, HTTP trouble {} %", plan.http_trouble_percent);
  if (plan.services) text += ", services";
  if (plan.caches) text += ", caches";
  if (plan.breaks_from_the_start) text += ", faults from the start";
  for (std::size_t i = 0; i < plan.faults.size(); ++i)
    text += fmt::format("\n  {}: {}", i, to_text(plan.faults[i]));
  return text;
}

}  // namespace holdfast::sim
