// SPDX-License-Identifier: Apache-2.0
#include "sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/assert.h"
#include "base/logging.h"
#include "mesh/test_mesh.h"

namespace holdfast::sim {
namespace {

constexpr std::chrono::seconds setup_max{120};
constexpr std::chrono::minutes load_max{60};
// A run that does not end.
constexpr std::uint64_t events_max = 40'000'000;

World* current = nullptr;  // whose lines are shown

}  // namespace

World::World(Plan plan, bool traced)
    : plan_(std::move(plan)),
      traced_(traced),
      random_(plan_.seed * 2 + 1),
      network_(agenda_, random_),
      etcd_(random_.number()),
      http_(agenda_, random_, plan_.http_trouble_percent),
      around_{agenda_, random_, network_, etcd_, http_, *this},
      workload_(random_, plan_) {
  network_.delay_max = Millis(plan_.network_ms_max);
  etcd_.faults.delay_max = Millis(1 + plan_.network_ms_max);
  current = this;
  logging::redirect([](logging::Level, std::string_view line) {
    if (current == nullptr) return;
    const Process* const process = Process::running();
    current->note("    " + (process == nullptr ? std::string() : process->host() + ": ") +
                  std::string(line));
  });
}

World::~World() {
  for (const auto& cache : caches_) cache->stop();
  caches_.clear();
  clients_.clear();
  administrator_.reset();
  operators_.clear();
  logging::redirect(nullptr);
  current = nullptr;
  for (Node& node : nodes_) {
    if (node.process != nullptr) node.process->kill(false);
  }
}

void World::note(const std::string& what) {
  if (!traced_) return;
  std::fprintf(
      stderr, "%9lld ms  %s\n",
      static_cast<long long>(
          std::chrono::duration_cast<Millis>(agenda_.now().time_since_epoch()).count() - 3'600'000),
      what.c_str());
}

// ---- Nodes

void World::add_node(bool is_new) {
  const std::string name = "n" + std::to_string(nodes_.size() + 1);
  Node node{.host = std::make_unique<Host>(name, random_.number())};
  node.options = {.data = "/data",
                  .resp = name + ":1",
                  .mesh = name + ":2",
                  .trust_network = true,
                  .engine = plan_.engine == Engine::etcd ? "etcd://etcd:1" : "embedded",
                  .workflow_hosts = {HttpService::host},
                  .cluster = "sim",
                  .node = name,
                  .memory_limit_bytes = plan_.memory_limit_bytes,
                  .ids_memory_bytes = plan_.ids_memory_bytes,
                  .request_timeout = plan_.request_timeout,
                  .checkpoint_interval = plan_.checkpoint_interval,
                  .mesh_log_bytes = plan_.mesh_log_bytes,
                  .log_retained_bytes = plan_.log_retained_bytes,
                  .segment_bytes = 64_KiB,
                  .segment_bytes_first = 16_KiB};
  if (plan_.engine == Engine::none) {
    const std::size_t count = is_new ? nodes_.size() : plan_.nodes;
    for (std::size_t i = 1; i <= count; ++i) {
      if (i != nodes_.size() + 1) node.options.peers.push_back(fmt::format("n{}:2", i));
    }
  }
  node.host->clock_ahead = random_.millis(0, 500);
  nodes_.push_back(std::move(node));
  start(nodes_.back());
  addresses_.push_back(name + ":1");
}

void World::start(Node& node) {
  note(node.host->name + " starts");
  node.life = ++findings_.counts["starts"];
  node.process = std::make_shared<Process>(around_, *node.host, node.options);
  node.process->start();
}

// Until everything is mended at once, at the end.
void World::after(Millis time, std::function<void()> mend) {
  agenda_.after(time, [this, mend = std::move(mend)] {
    if (!calm_) mend();
  });
}

void World::raise(Node& node) {
  if (--node.down == 0 && node.process->ended() && !node.gone) start(node);
}

void World::on_exit(Host& host, const std::optional<Error>& why) {
  const std::string text = why ? why->message : "as it was told";
  note(host.name + " has ended: " + text);
  const auto found =
      std::ranges::find_if(nodes_, [&](const Node& node) { return node.host.get() == &host; });
  found->why_ended = text;
  if (over_ || found->down > 0 || found->gone) return;
  ++findings_.counts["ended by itself"];
  // As an operator would, or what watches over processes.
  if (why && why->code == Code::corrupt && flipped_ == host.name) wipe(*found);
  const auto index = static_cast<std::size_t>(found - nodes_.begin());
  agenda_.after(Millis(500), [this, index] {
    Node& node = nodes_[index];
    if (node.down == 0 && !node.gone && node.process->ended() && !over_) start(node);
  });
}

void World::on_end(node::Node& node) {
  log_time_ = std::max(log_time_, node.strong_time());
  const auto count = [&](const char* name, std::uint64_t more) { findings_.counts[name] += more; };
  count("checkpoints", node.checkpointer().counters().completed);
  count("checkpoints failed", node.checkpointer().counters().failed);
  count("replayed strong", node.sequencer().counters().replayed);
  count("timeouts strong", node.sequencer().counters().timeouts);
  count("replayed eventual", node.replica().counters().replayed);
  count("merged", node.replica().counters().merged);
  count("mismatched ids", node.replica().counters().mismatched_ids);
  count("starts anew", node.wants_restart() != node::Restart::none ? 1 : 0);
  count("places lost in the log", node.wants_restart() == node::Restart::catch_up ? 1 : 0);
  count("refused for memory", node.requests().counters().refused_memory);
  if (node.mesh() != nullptr)
    count("logs given up", node.mesh()->replication().holdings().trimmed().parts().empty() ? 0 : 1);
  if (const etcd::EtcdLog* log = node.etcd_log()) {
    count("appends again", log->counters().appends_again);
    count("appends given up", log->counters().appends_given_up);
    count("appends overtaken", log->counters().appends_overtaken);
    count("watch gaps", log->counters().watch_gaps);
    count("watch repeats", log->counters().watch_repeats);
    count("watch silences", log->counters().watch_silences);
    count("watches refetched", log->counters().refetches);
  }
}

std::vector<World::Node*> World::members() {
  std::vector<Node*> all;
  for (Node& node : nodes_) {
    if (!node.gone) all.push_back(&node);
  }
  return all;
}

// ---- Running

void World::step() {
  // Two agendas, one time.
  const Monotonic next = std::min(agenda_.next(), etcd_.next());
  if (etcd_.now() < next) {
    const auto ahead = std::chrono::duration_cast<Millis>(next - etcd_.now());
    agenda_.pass(etcd_.now() + ahead);
    etcd_.advance(ahead);
  }
  if (agenda_.next() <= next) agenda_.run_next();
}

bool World::run_until(Monotonic limit, const std::function<bool()>& holds) {
  std::uint64_t looked = 0;
  while (broken_.empty()) {
    if (agenda_.ran() > events_max) {
      broken_ = "it does not come to an end";
      return false;
    }
    if (looked++ % 16 == 0 && holds()) return true;
    if (agenda_.now() > limit) return holds();
    step();
  }
  return false;
}

void World::schedule_faults() {
  for (const Fault& fault : plan_.faults) after(fault.at, [this, fault] { strike(fault); });
}

Client::Parts World::client_parts(const char* service) {
  return {.agenda = agenda_,
          .random = random_,
          .network = network_,
          .workload = workload_,
          .plan = plan_,
          .service = service,
          .addresses = addresses_,
          .broken = [this](const std::string& what) { broken_ = what; },
          .left = operations_left_,
          .note =
              [this](absl::FunctionRef<std::string()> what) {
                if (traced_) note(what());
              }};
}

void World::add_caches() {
  for (int i = 1; i <= 3; ++i) {
    caches_.push_back(std::make_shared<Cache>(
        Cache::Parts{.agenda = agenda_,
                     .random = random_,
                     .network = network_,
                     .workload = workload_,
                     .service = Owners::everyone,
                     .addresses = addresses_,
                     .life_of = [this](const std::string& address) { return life_of(address); },
                     .broken = [this](const std::string& what) { broken_ = what; }},
        "k" + std::to_string(i)));
    caches_.back()->start();
  }
}

// Not before it has had a moment, where it stood still.
std::uint64_t World::life_of(const std::string& address) const {
  const auto node =
      std::ranges::find_if(nodes_, [&](const Node& one) { return one.options.resp == address; });
  const bool runs = node != nodes_.end() && !node->process->ended() &&
                    node->host->paused_until + Millis(5) < agenda_.now();
  return runs ? node->life : 0;
}

bool World::declare(const std::shared_ptr<Client>& client, const verify::Command& command) {
  bool done = false;
  client->insist(command, [&done](const auto&) { done = true; });
  return run_until(agenda_.now() + setup_max, [&] { return done; });
}

bool World::declare_all() {
  for (const verify::Command& command : workload_.declarations()) {
    if (!declare(clients_.front(), command)) return false;
  }
  if (!plan_.services) return true;
  for (const verify::Command& command : Owners::declarations()) {
    if (!declare(administrator_, command)) return false;
    // The answer that showed its token was lost.
    if (command[0] == "SERVICE" && !workload_.owners().has_token_of(command[2]) &&
        !declare(administrator_, {"SERVICE", "ROTATE", command[2]}))
      return false;
  }
  return true;
}

Findings World::run() {
  note(to_text(plan_));
  for (std::size_t i = 0; i < plan_.nodes; ++i) add_node(false);
  for (std::size_t i = 0; i < plan_.clients; ++i)
    clients_.push_back(
        std::make_shared<Client>(client_parts(Owners::everyone), "c" + std::to_string(i + 1)));
  administrator_ = std::make_shared<Client>(client_parts(Owners::root), "administrator");

  if (plan_.breaks_from_the_start) schedule_faults();
  if (!declare_all()) {
    findings_.failure = broken_;
    // Where no checkpoint succeeds nothing can be evicted, and of little memory none may be left.
    if (broken_.empty() && plan_.memory_is_short()) {
      ++findings_.counts["worlds without room"];
    } else if (broken_.empty()) {
      findings_.failure = "the keyspaces could not be declared";
    }
    return findings_;
  }
  note("the load begins");
  operations_left_ = plan_.operations;
  if (!plan_.breaks_from_the_start) schedule_faults();
  for (const auto& client : clients_) client->start();
  if (plan_.caches) add_caches();
  const bool ended = run_until(agenda_.now() + load_max, [this] {
    return std::ranges::all_of(clients_, [](const auto& client) { return client->idle(); });
  });
  note("the load has ended");
  for (const auto& cache : caches_) {
    cache->stop();
    findings_.counts["looks at what is kept"] += cache->looks();
    findings_.counts["caches told"] += cache->told();
    findings_.counts["caches cut off"] += cache->cut();
  }
  std::string failure = ended ? std::string() : broken_;
  if (failure.empty() && !ended) failure = "clients do not come to an end";
  if (failure.empty()) failure = settle();
  if (failure.empty() && plan_.workflows) failure = see_to_stuck_runs();
  if (failure.empty()) failure = check();
  findings_.failure = failure;
  over_ = true;
  for (const auto& client : clients_) {
    findings_.counts["answered"] += client->answered();
    findings_.counts["unanswered"] += client->unanswered();
    findings_.counts["probes behind tokens"] += client->probes();
  }
  for (Node* one : members()) {
    if (node::Node* const node = one->process->node()) on_end(*node);
  }
  findings_.counts["events"] = agenda_.ran();
  findings_.counts["simulated ms"] = static_cast<std::uint64_t>(
      std::chrono::duration_cast<Millis>(agenda_.now().time_since_epoch()).count() - 3'600'000);
  findings_.counts["connections broken"] = network_.broken();
  findings_.counts["bytes sent"] = network_.bytes();
  return findings_;
}

void World::on_origin_entry(const std::string& host, std::string_view payload) {
  const auto read = eventual::EntryReader::open(payload);
  if (!read) {
    broken_ = host + " logs what is no entry";
    return;
  }
  const auto [entry, is_new] =
      entries_.try_emplace({read->origin().value, read->first_sequence()}, payload);
  if (!is_new) {
    if (entry->second != payload)
      broken_ = fmt::format("two entries of origin {} are named {}", read->origin().value,
                            read->first_sequence());
    return;
  }
  for (auto& one : mesh::testing::tries_of(payload)) model_.add(std::move(one));
}

}  // namespace holdfast::sim
