// SPDX-License-Identifier: Apache-2.0
// What must hold when a run has ended and everything is mended.
#include <fmt/format.h>

#include <algorithm>

#include "base/small_string.h"
#include "eventual/test_replica.h"
#include "sim/world.h"
#include "verify/check.h"

namespace holdfast::sim {

std::string World::check() {
  for (const auto part : {&World::check_agreement, &World::check_tallies, &World::check_history,
                          &World::check_model, &World::check_workflows, &World::check_owners}) {
    if (std::string failure = (this->*part)(); !failure.empty()) return failure;
  }
  return {};
}

// All nodes hold the same, and find no mistake in their own books.
std::string World::check_agreement() {
  Instant now{};
  const auto all = members();
  for (Node* one : all) {
    now = std::max({now, one->host->wall(agenda_.now()), one->process->node()->eventual_time(),
                    one->process->node()->strong_time()});
  }
  node::Node& first = *all.front()->process->node();
  for (Node* one : all) {
    node::Node& node = *one->process->node();
    if (const auto mistake = node.replica().audit()) return one->host->name + ": " + *mistake;
    for (node::KeyspaceState* state : first.keyspaces().with_undeclared()) {
      // Workflows' runs lie in such; of an eventual keyspace that was dropped something may be
      // left.
      if (!state->declared && state->guarantee == Guarantee::eventual) continue;
      node::KeyspaceState* const here = node.keyspaces().find(state->id);
      if (here == nullptr) return one->host->name + " lacks a keyspace";
      const Instant at = state->guarantee == Guarantee::strong ? first.strong_time() : now;
      if (here->table.digest(at) == state->table.digest(at)) continue;
      return fmt::format("{} and {} differ in keyspace {}\n  {}\n  {}", all.front()->host->name,
                         one->host->name, state->id.value,
                         eventual::testing::show(eventual::testing::state_of(state->table, at)),
                         eventual::testing::show(eventual::testing::state_of(here->table, at)));
    }
  }
  return {};
}

// What a counter holds; 0: it is not there.
std::uint64_t World::number_at(const std::string& key) {
  node::Node& node = *members().front()->process->node();
  const Keyspace& keyspace = node.catalog().of_key(key);
  const Value* const value =
      node.keyspaces().find(keyspace.id)->table.find(key, node.eventual_time());
  IntegerText room;
  return value == nullptr ? 0 : std::stoull(std::string(value->text(room)));
}

// Each id took effect once where it was acknowledged, and else once or not at all.
std::string World::check_tallies() {
  for (const auto& [name, tally] : workload_.tallies()) {
    const std::uint64_t holds = number_at(name);
    for (std::size_t i = 0; i < tally.entries.size(); ++i) {
      const Tally::Entry& entry = tally.entries[i];
      const std::uint64_t times = holds >> (tally_bits * i) & ((1U << tally_bits) - 1);
      ++findings_.counts[times == 0 ? "tally entries not applied" : "tally entries applied"];
      const bool acknowledged = std::ranges::any_of(
          entry.acknowledged_by, [&](const auto& by) { return !lost_.contains(by); });
      const bool must_last =
          acknowledged && (entry.durably || (!plan_.has_power_cuts() && flipped_.empty()));
      if (times > 1) return fmt::format("{}: increment {} took effect {} times", name, i, times);
      if (times == 0 && must_last)
        return fmt::format("{}: increment {} was acknowledged and is lost", name, i);
      if (times == 1 && !entry.sent)
        return fmt::format("{}: increment {} took effect and was never sent", name, i);
    }
  }
  return {};
}

// What lies in a keyspace with an owner was written by one that owned it.
std::string World::check_owners() {
  if (!plan_.services) return {};
  const Owners& owners = workload_.owners();
  node::Node& node = *members().front()->process->node();
  for (const char* const keyspace : {"p", "q"}) {
    const KeyspaceId id = node.catalog().find(keyspace)->id;
    std::string wrong;
    node.keyspaces().find(id)->table.for_each(
        node.eventual_time(), [&](std::string_view key, const Value& value) {
          IntegerText room;
          if (wrong.empty())
            wrong = owners.check_value(std::string(key), std::string(value.text(room)));
        });
    if (!wrong.empty()) return wrong;
  }
  findings_.counts["served to owners"] += owners.counters.served;
  findings_.counts["refused to others"] += owners.counters.refused;
  findings_.counts["keyspaces given away"] += owners.counters.given;
  findings_.counts["tokens"] += owners.counters.rotated;
  return {};
}

std::string World::check_history() {
  if (plan_.engine == Engine::none) return {};
  // On one disk the last second of `everysec` goes with the power.
  const bool lossy = plan_.engine == Engine::embedded && plan_.has_power_cuts();
  // What each key holds now is read after everything else.
  node::Node& node = *members().front()->process->node();
  verify::Final last{.node = members().front()->host->name};
  for (const verify::Operation& operation : workload_.history().operations) {
    for (const verify::Command& command : operation.commands) {
      if (lossy && command[1].starts_with("w:")) continue;
      const Keyspace& keyspace = node.catalog().of_key(command[1]);
      const Value* const value =
          node.keyspaces().find(keyspace.id)->table.find(command[1], node.strong_time());
      IntegerText room;
      last.values[command[1]] =
          value == nullptr ? verify::Answer{} : verify::Answer::of(value->text(room));
    }
  }
  verify::History history = workload_.history();
  if (lossy) {
    std::erase_if(history.operations, [](const verify::Operation& operation) {
      return operation.commands.front()[1].starts_with("w:");
    });
  }
  if (traced_) {
    for (const verify::Operation& operation : history.operations) note(verify::to_text(operation));
  }
  history.finals.push_back(std::move(last));
  const auto report = verify::check(std::move(history), {.steps_max = 2'000'000});
  if (!report) return "the history is none: " + report.error().message;
  findings_.counts["strong operations"] += report->operations;
  findings_.counts["jobs taken"] += workload_.queue().taken();
  findings_.counts["strong unknown"] += report->unknown;
  findings_.counts["undecided"] += report->undecided.size();
  if (report->violations.empty()) return {};
  return report->violations.front().check + ": " + report->violations.front().explanation;
}

// For who looks for the reason: all that was ever done to the key.
void World::note_effects_on(const std::string& key) {
  if (!traced_) return;
  for (const auto& one : model_.tries()) {
    for (const auto& effect : one.effects) {
      if (effect.key != key) continue;
      std::string seen;
      for (const auto& [origin, sequence] : one.seen.parts())
        seen += fmt::format(" {}:{}", origin.value % 1'000, sequence);
      note(fmt::format(
          "{} {}:{} at {}.{} id {}: effect {} element '{}' text '{}' number {}{}{}, seen{}", key,
          one.dot.origin.value % 1'000, one.dot.sequence, to_ms(one.stamp.time.wall()),
          one.stamp.time.value & 0xFFFF, one.id, static_cast<int>(effect.kind), effect.element,
          effect.text, effect.number, effect.keep_expiry ? " keeps the expiry" : "",
          effect.fresh ? " fresh" : "", seen));
    }
  }
}

// Eventual keyspaces hold what the brute-force model makes of all that was logged.
std::string World::check_model() {
  Instant now{};
  for (Node* one : members()) now = std::max(now, one->process->node()->eventual_time());
  node::Node& node = *members().front()->process->node();
  const auto expected = model_.evaluate(node.replica().merged(), to_ms(now));
  findings_.counts["eventual operations"] += model_.tries().size();
  for (node::KeyspaceState* state : node.keyspaces().all()) {
    if (state->guarantee != Guarantee::eventual) continue;
    const Keyspace* const keyspace = node.catalog().find(state->id);
    if (keyspace->name != "e" && keyspace->name != "f") continue;
    const auto shown = eventual::testing::state_of(state->table, now);
    for (const auto& [key, value] : shown) {
      const auto found = expected.find(key);
      if (found == expected.end() || !(found->second == value)) {
        note_effects_on(key);
        return fmt::format("{}: the model has {}, the nodes {}", key,
                           found == expected.end()
                               ? std::string("nothing")
                               : eventual::testing::show({{key, found->second}}),
                           eventual::testing::show({{key, value}}));
      }
    }
    for (const auto& [key, value] : expected) {
      if (node.catalog().of_key(key).id != state->id || shown.contains(key)) continue;
      note_effects_on(key);
      return fmt::format("{}: the model has {}, the nodes nothing", key,
                         eventual::testing::show({{key, value}}));
    }
  }
  return {};
}

}  // namespace holdfast::sim
