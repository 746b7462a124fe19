// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "log/memory_log.h"
#include "strong/sequencer.h"
#include "strong/test_host.h"

// Several nodes over one log, as with a shared engine: callers try again at
// whatever node, appends get lost, nodes crash and come back from their
// checkpoints, and in the end each operation counts once, everywhere.
namespace holdfast::strong {
namespace {

using namespace strong::testing;  // NOLINT: this folder's own

template <typename T>
T pick(T from, T before) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(from, before));
}

const Instant start = instant_from_ms(1'700'000'000'000);

struct Node final : ReplySink {
  Node(std::shared_ptr<MemoryLogStore> engine_, std::uint64_t incarnation_)
      : engine(std::move(engine_)), incarnation(incarnation_) {
    boot();
  }
  void complete(Ticket ticket, std::string_view reply, Replay) override {
    RC_ASSERT(answers.emplace(ticket.sequence, std::string(reply)).second);
  }
  void boot() {
    host = std::make_unique<TestHost>(*store);
    machine = std::make_unique<Machine>(commands(), *host);
    host->restore(*machine);
    log = std::make_unique<MemoryLog>(engine);
    sequencer = std::make_unique<Sequencer>(*log, *machine, *this,
                                            Sequencer::Options{.incarnation = incarnation});
    RC_ASSERT(sequencer->start().has_value());
  }
  void crash() {
    sequencer.reset();
    log.reset();
    incarnation += 1'000;  // a start of its own
    boot();
  }

  std::shared_ptr<MemoryLogStore> engine;
  std::uint64_t incarnation;
  std::unique_ptr<Store> store = make_memory_store();
  std::unique_ptr<TestHost> host;
  std::unique_ptr<Machine> machine;
  std::unique_ptr<MemoryLog> log;
  std::unique_ptr<Sequencer> sequencer;
  std::map<std::uint64_t, std::string> answers;  // by ticket
};

struct Tried {
  std::uint64_t node;
  std::uint64_t ticket;
  int operation;
};

// What MGET in a MULTI may show: the sum of the operations that some caller was
// told of, with any of the others.
std::set<std::string> allowed_states(const std::vector<Tried>& tries,
                                     const std::map<int, std::string>& outcomes) {
  std::set<int> perhaps;
  for (const Tried& each : tries) perhaps.insert(each.operation);
  int least = 0;
  for (const auto& [operation, outcome] : outcomes) {
    least += operation;
    perhaps.erase(operation);
  }
  std::set<int> sums{least};
  for (const int operation : perhaps) {
    std::set<int> more = sums;
    for (const int sum : sums) more.insert(sum + operation);
    sums = std::move(more);
  }
  std::set<std::string> allowed;
  for (const int sum : sums) {
    const std::string to = std::to_string(sum);
    const std::string from = sum == 0 ? to : "-" + to;
    allowed.insert(
        fmt::format("*1\r\n*2\r\n${}\r\n{}\r\n${}\r\n{}\r\n", from.size(), from, to.size(), to));
  }
  if (sums.contains(0)) allowed.insert("*1\r\n*2\r\n$-1\r\n$-1\r\n");
  return allowed;
}

RC_GTEST_PROP(Cluster, EveryOperationCountsOnceWhateverIsRetriedLostOrRestarted, ()) {
  const auto engine = std::make_shared<MemoryLogStore>();
  std::vector<std::unique_ptr<Node>> nodes;
  for (std::uint64_t i = 0; i < 3; ++i) nodes.push_back(std::make_unique<Node>(engine, i + 1));
  Instant wall = start;
  Monotonic now{};
  std::vector<Tried> tries;
  std::uint64_t tickets = 0;
  const auto attempt = [&](Node& node, std::uint64_t number, int operation) {
    const Request request{.id = "op-" + std::to_string(operation),
                          .lines = {{"DECRBY", "from", std::to_string(operation)},
                                    {"INCRBY", "to", std::to_string(operation)}},
                          .transaction = true};
    const Parts parts(request);
    tries.push_back({number, ++tickets, operation});
    const Status taken = node.sequencer->write({.keyspace = accounts,
                                                .caller = {},
                                                .request_id = request.id,
                                                .calls = parts.calls,
                                                .transaction = true},
                                               {1, tickets}, now);
    RC_ASSERT(taken.has_value());
  };
  const auto turn_all = [&] {
    for (const auto& node : nodes) node->sequencer->turn(wall, now);
  };

  const auto steps = pick(1, 200);
  for (int i = 0; i < steps; ++i) {
    const auto number = pick<std::uint64_t>(0, nodes.size());
    Node& node = *nodes[number];
    switch (pick(0, 12)) {
      case 0:
        node.log->hold();
        break;
      case 1:
        node.log->release(pick<std::size_t>(0, 3));
        break;
      case 2: {
        const bool lands = pick(0, 2) == 0;
        node.log->fail_next(lands || pick(0, 2) == 0 ? Code::unknown : Code::unavailable, lands);
        break;
      }
      case 3:
        node.log->hold_delivery(pick(0, 2) == 0);
        break;
      case 4:
        node.host->checkpoint(*node.machine);
        break;
      case 5:
        node.crash();
        break;
      case 6:
        wall += Millis(1'000);
        node.sequencer->turn(wall, now);
        break;
      default:
        attempt(node, number, pick(1, 8));
        if (pick(0, 2) == 0) node.sequencer->turn(wall, now);
    }
  }
  for (const auto& node : nodes) {
    node->log->hold_delivery(false);
    node->log->release();
  }
  turn_all();
  turn_all();
  turn_all();

  // Each operation that some try was told of is in, once, and all were told the
  // same; one of which no try was told may be in or not.
  std::map<int, std::string> outcomes;
  for (const Tried& each : tries) {
    const auto& answers = nodes[each.node]->answers;
    const auto answer = answers.find(each.ticket);
    if (answer == answers.end() || answer->second[0] != '*') continue;  // a crash, an error
    const auto [first, fresh] = outcomes.emplace(each.operation, answer->second);
    RC_ASSERT(first->second == answer->second);
  }
  Answers now_in;
  EntryBuilder builder;
  add(builder, {.lines = {{"MGET", "from", "to"}}, .transaction = true});
  const std::string question = builder.take({77, 1}, wall);
  std::set<std::string> states;
  std::set<std::uint64_t> digests;
  for (const auto& node : nodes) {
    RC_ASSERT(node->machine->applied() == engine->last());
    digests.insert(node->host->digest(wall));
    RC_ASSERT(node->machine->apply(engine->last().next(), question, &now_in).has_value());
    states.insert(now_in.replies.back());
    now_in = {};
  }
  RC_ASSERT(states.size() == 1);
  RC_ASSERT(digests.size() == 1);
  RC_ASSERT(allowed_states(tries, outcomes).contains(*states.begin()));
}

}  // namespace
}  // namespace holdfast::strong
