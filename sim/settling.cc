// SPDX-License-Identifier: Apache-2.0
// When the load has ended: everything is mended, nodes come to rest, and whoever runs the cluster
// sees to what is left.
#include <fmt/format.h>

#include <algorithm>

#include "sim/world.h"

namespace holdfast::sim {
namespace {

// How long all may take to come together once nothing is broken any more, by the
// simulated clock.
constexpr std::chrono::seconds settle_max{300};
constexpr std::chrono::seconds answer_max{60};
constexpr int pages_max = 100;
// An undo that was refused is refused again under its request id, once more where the answer was
// lost; then it has another.
constexpr int retries = 4;

}  // namespace

// Runs have ended, or wait for a signal.
bool World::workflows_rest(node::Node& node) {
  if (node.workflows() == nullptr) return true;
  return node.workflows()->in_flight() == 0 &&
         std::ranges::all_of(node.keyspaces().workflows().current(), [](const auto& run) {
           return workflow::has_ended(run.second.state) || !run.second.next;
         });
}

bool World::is_settled() {
  const auto all = members();
  if (!std::ranges::all_of(all, [](const Node* node) { return serves(*node); })) return false;
  if (!std::ranges::all_of(operators_, [](const auto& one) { return one->idle(); })) return false;
  node::Node& first = *all.front()->process->node();
  return std::ranges::all_of(all, [&](Node* one) {
    node::Node& node = *one->process->node();
    return node.machine().applied() == first.machine().applied() &&
           node.replica().merged() == first.replica().merged() &&
           node.replica().counters().unstable == 0 && node.sequencer().idle() &&
           workflows_rest(node);
  });
}

std::string World::settle() {
  heal();
  note("everything is mended");
  for (Node* one : members()) {
    Node& node = *one;
    if (node.down > 0 && !node.process->ended()) node.process->kill(false);
    node.down = 0;
    if (node.process->ended()) {
      start(node);
    } else if (node.process->node() != nullptr &&
               (!node.process->node()->origin_log().health() ||
                (plan_.engine == Engine::embedded &&
                 !node.process->node()->sequencer().writable()))) {
      // A disk that failed: its node serves no more until it is started anew.
      node.process->kill(false);
      start(node);
    }
  }
  // The node that was told so may have been lost before it told others.
  for (const Node& node : nodes_) {
    if (node.gone) remove(node);
  }
  std::string failure = come_to_rest();
  if (!failure.empty() || plan_.engine == Engine::none) return failure;
  // Nodes that the engine has told nothing new yet may all rest where it was when it was lost. A
  // read waits for the log's end.
  failure = operate({"GET", "s:r1"}, [](const verify::Answer&) {});
  return failure.empty() ? come_to_rest() : failure;
}

std::string World::come_to_rest() {
  if (run_until(agenda_.now() + settle_max, [this] { return is_settled(); })) return {};
  if (!broken_.empty()) return broken_;
  std::string why = "nodes do not come together:";
  for (Node* one : members()) {
    node::Node* const node = one->process->node();
    why += " " + one->host->name + ": ";
    if (node == nullptr) {
      why += "does not serve (" + one->why_ended + ");";
      continue;
    }
    why += fmt::format("{}, strong log at {}, {} unstable", node->not_ready().value_or("ok"),
                       node->machine().applied().value, node->replica().counters().unstable);
    if (!workflows_rest(*node)) why += ", runs that go on";
    why += ", merged";
    for (const auto& part : node->replica().merged().parts())
      why += fmt::format(" {}:{}", part.origin.value % 10'000, part.sequence);
    if (node->mesh() != nullptr) {
      why += ", members";
      for (const auto& [id, holding] : node->mesh()->replication().holdings().all())
        why += fmt::format(" {}={}", id, holding.origin.value % 10'000);
      for (const auto& peer : node->mesh()->mesh().peers()) {
        why += fmt::format(", {} of its own not merged by {} ({})", peer.entries_behind, peer.node,
                           peer.connected ? "connected" : peer.trouble);
      }
    }
    why += ";";
  }
  return why;
}

// ---- What is left for people

// Until it is done.
std::string World::operate(const verify::Command& command, Client::Answered heard) {
  bool answered = false;
  clients_.front()->insist(command, [&](const verify::Answer& answer) {
    answered = true;
    heard(answer);
  });
  if (run_until(agenda_.now() + answer_max, [&] { return answered; })) return {};
  return broken_.empty() ? command[0] + " is not answered" : broken_;
}

std::string World::ask_for_stuck_runs() {
  listed_as_stuck_.clear();
  std::string cursor = "0";
  for (int page = 0; page < pages_max; ++page) {
    const auto heard = [&](const verify::Answer& answer) {
      if (answer.items.size() != 2) return;
      cursor = answer.items[0].text;
      for (const verify::Answer& run : answer.items[1].items)
        listed_as_stuck_.insert(run.items[1].text);
    };
    std::string failure =
        operate({"WORKFLOW", "LIST", cursor, "STATE", "stuck", "COUNT", "20"}, heard);
    if (!failure.empty() || cursor == "0") return failure;
  }
  return "WORKFLOW LIST does not come to an end";
}

std::string World::see_to_stuck_runs() {
  std::string failure = ask_for_stuck_runs();
  if (!plan_.stuck_runs_are_retried) return failure;
  const auto ignore = [](const verify::Answer&) {};
  for (const char* const place : {"s", "w"}) {
    if (failure.empty()) failure = operate({"DEL", gate_key(place)}, ignore);
  }
  for (int round = 0; round < retries && failure.empty(); ++round) {
    for (const std::string& run : std::set(listed_as_stuck_)) {
      if (failure.empty()) failure = operate({"WORKFLOW", "RETRY", run}, ignore);
    }
    if (failure.empty()) failure = come_to_rest();
    if (failure.empty()) failure = ask_for_stuck_runs();
  }
  return failure;
}

}  // namespace holdfast::sim
