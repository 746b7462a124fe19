// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "eventual/brute_force_model.h"
#include "sim/cache.h"
#include "sim/client.h"
#include "sim/http_service.h"
#include "sim/plan.h"
#include "sim/process.h"
#include "sim/workload.h"

namespace holdfast::sim {

/// What a run came to, and what it was made of: a run that tests nothing is seen.
struct Findings {
  std::string failure;  // empty: everything held
  std::array<std::uint64_t, fault_kinds> faults{};
  std::map<std::string, std::uint64_t> counts;
};

/// How often something took effect, as far as is still known.
struct Times {
  std::uint64_t seen = 0;
  bool may_be_lost = false;  // with a node's disk

  bool are(std::uint64_t times) const { return seen == times || (may_be_lost && seen < times); }
};

/// A whole cluster, its engine, its clients and what breaks, on one thread. The same
/// plan runs the same way every time.
class World final : public Witness {
 public:
  World(Plan plan, bool traced);
  ~World() override;

  Findings run();

  // Witness
  void on_origin_entry(const std::string& host, std::string_view payload) override;
  void on_exit(Host& host, const std::optional<Error>& why) override;
  void on_end(node::Node& node) override;
  void note(const std::string& what) override;

 private:
  struct Node {
    std::unique_ptr<Host> host;
    node::Options options;
    std::shared_ptr<Process> process;
    std::uint64_t down = 0;  // faults that keep it from running
    bool gone = false;       // for good
    std::uint64_t life = 0;  // names its process
    std::string why_ended;   // by itself, the last time
  };

  void add_node(bool is_new);
  void start(Node& node);
  /// Whether it is up, and would take everything.
  static bool serves(const Node& node) {
    return node.process->node() != nullptr && !node.process->node()->not_ready();
  }
  void raise(Node& node);
  void lower(Node& node) { ++node.down; }
  void after(Millis time, std::function<void()> mend);
  void strike(const Fault& fault);
  void cut(const std::string& a, const std::string& b, bool both, Millis lasts);
  void kill(Node& node, bool power, Millis lasts);
  Client::Parts client_parts(const char* service);
  void add_caches();
  std::uint64_t life_of(const std::string& address) const;
  void schedule_faults();
  bool declare(const std::shared_ptr<Client>& client, const verify::Command& command);
  bool declare_all();
  void step();
  bool run_until(Monotonic limit, const std::function<bool()>& holds);
  void leave(std::size_t index);
  void remove(const Node& gone);
  void flip_bit(Node& node, Millis lasts);
  void wipe(Node& node);
  void heal();
  std::vector<Node*> members();
  // settling.cc
  std::string settle();
  std::string come_to_rest();
  std::string operate(const verify::Command& command, Client::Answered heard);
  std::string ask_for_stuck_runs();
  std::string see_to_stuck_runs();
  bool is_settled();
  static bool workflows_rest(node::Node& node);
  // checks.cc
  std::string check();
  std::string check_history();
  std::string check_tallies();
  std::string check_agreement();
  std::string check_model();
  void note_effects_on(const std::string& key);
  std::string check_owners();
  std::uint64_t number_at(const std::string& key);
  // workflow_checks.cc
  std::string check_workflows();
  Times times_of(const std::string& run, std::size_t step, const std::string& place, bool undo);
  void count_run(const workflow::Run& run, const Workflow& workflow);

  Plan plan_;
  bool traced_;
  Agenda agenda_;
  Random random_;
  Network network_;
  etcd::FakeEtcd etcd_;
  HttpService http_;
  Surroundings around_;
  std::vector<Node> nodes_;
  std::vector<std::string> addresses_;  // of nodes that clients ask
  std::set<std::string> lost_;          // nodes whose disk is gone, by address
  Workload workload_;
  std::vector<std::shared_ptr<Client>> clients_;
  std::vector<std::shared_ptr<Client>> operators_;
  std::vector<std::shared_ptr<Cache>> caches_;
  std::string flipped_;  // the host whose disk lost a bit
  std::uint64_t operations_left_ = 0;
  std::shared_ptr<Client> administrator_;  // signs in as root
  std::set<std::string> listed_as_stuck_;  // runs, when all is over
  Findings findings_;
  // Every operation that any node decided, under its name.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> entries_;
  eventual::testing::BruteForceModel model_;
  std::string broken_;  // found while it ran
  Instant log_time_{};  // the latest that a node had reached when it ended
  bool calm_ = false;   // nothing breaks any more
  bool over_ = false;
};

}  // namespace holdfast::sim
