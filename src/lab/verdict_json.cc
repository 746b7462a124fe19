// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "lab/verdict.h"

namespace holdfast::lab {
namespace {

using nlohmann::json;

constexpr double p50 = 0.5, p99 = 0.99;

double ms(At time) {
  constexpr double us_per_ms = 1'000;
  return static_cast<double>(time.count()) / us_per_ms;
}

json maybe_ms(const std::optional<At>& time) {
  return time ? json(ms(*time)) : json(nullptr);
}

json tally(const Tally& of) {
  return {{"sent", of.sent},
          {"acknowledged", of.acknowledged},
          {"refused", of.refused},
          {"unknown", of.open},
          {"tries", of.tries}};
}

}  // namespace

json to_json(const Standing& node) {
  const Counts& counts = node.counts;
  return {{"accepted", counts.accepted},
          {"read", counts.read},
          {"refused", counts.refused},
          {"unknown", counts.unknown},
          {"codes", counts.codes},
          {"p50_ms", ms(counts.latencies.quantile(p50))},
          {"p99_ms", ms(counts.latencies.quantile(p99))},
          {"value", node.value ? json(*node.value) : json(nullptr)},
          {"behind", node.behind},
          {"behind_ms", ms(node.behind_for)}};
}

json to_json(const Phase& phase, const Played& played) {
  json loads = json::object();
  for (std::size_t i = 0; i < phase.loads.size(); ++i) {
    json nodes = json::object();
    for (std::size_t node = 0; node < phase.loads[i].nodes.size(); ++node)
      nodes[played.nodes[node]] = to_json(phase.loads[i].nodes[node]);
    loads[played.loads[i].scene] = {{"nodes", std::move(nodes)}};
    if (phase.mended)
      loads[played.loads[i].scene]["caught_up_ms"] = maybe_ms(phase.loads[i].caught_up);
  }
  return {{"from_ms", ms(phase.from)}, {"to_ms", ms(phase.to)},
          {"actions", phase.actions},  {"broken", phase.broken},
          {"loads", std::move(loads)}, {"sentence", sentence_of(phase, played)}};
}

json to_json(const Played& played) {
  json phases = json::array(), loads = json::object();
  for (const Phase& phase : played.phases) phases.push_back(to_json(phase, played));
  for (const LoadEnd& load : played.loads) {
    const Judgement verdict = judge(load);
    json values = json::object();
    for (std::size_t i = 0; i < load.shown.size(); ++i) {
      const auto& shown = load.shown[i];
      json& one = values[played.nodes[i]];
      if (!shown) continue;
      one = {{"counted", shown->value}};
      if (load.plain.sent > 0) one["counted_without_ids"] = shown->plain;
    }
    json& one = loads[load.scene];
    one = {{"guarantee", load.eventual ? "eventual" : "strong"},
           {"held", verdict.held},
           {"broken", verdict.broken},
           {"sentence", verdict.sentence},
           {"writes", tally(load.writes)},
           {"nodes", std::move(values)},
           {"equal_after_ms", maybe_ms(load.equal_after)}};
    if (load.plain.sent > 0) one["writes_without_ids"] = tally(load.plain);
    if (load.eventual) one["digests"] = load.digests;
    if (!load.eventual) {
      one["stale_reads"] = load.stale_reads;
      one["wrong_sums"] = load.unsound_looks;
    }
  }
  return {{"scene", played.scene},     {"cluster", played.cluster},
          {"held", held(played)},      {"verdict", verdict_line(played)},
          {"loads", std::move(loads)}, {"phases", std::move(phases)},
          {"notes", played.notes}};
}

}  // namespace holdfast::lab
