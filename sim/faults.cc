// SPDX-License-Identifier: Apache-2.0
// What breaks, and how it is mended.
#include <algorithm>

#include "base/assert.h"
#include "sim/world.h"

namespace holdfast::sim {

void World::kill(Node& node, bool power, Millis lasts) {
  lower(node);
  node.process->kill(power && random_.percent(50));
  if (power) {
    node.host->files.power_cut();
    ++node.host->boots;
  }
  after(lasts,
        [this, index = static_cast<std::size_t>(&node - nodes_.data())] { raise(nodes_[index]); });
}

void World::cut(const std::string& a, const std::string& b, bool both, Millis lasts) {
  network_.cut(a, b);
  if (both) network_.cut(b, a);
  after(lasts, [this, a, b, both] {
    network_.heal(a, b);
    if (both) network_.heal(b, a);
  });
}

void World::strike(const Fault& fault) {
  if (nodes_[fault.a].gone || nodes_[fault.b].gone) return;
  note("fault: " + to_text(fault));
  ++findings_.faults[static_cast<std::size_t>(fault.kind)];
  Node& a = nodes_[fault.a];
  Host& host = *a.host;
  const std::string& name = host.name;
  const auto later = [&](std::function<void()> mend) { after(fault.lasts, std::move(mend)); };
  const auto cut_etcd = [&] {
    if (etcd::FakeClient* client = a.process->etcd_client()) client->cut(true);
    later([this, i = fault.a] {
      if (etcd::FakeClient* client = nodes_[i].process->etcd_client()) client->cut(false);
    });
  };
  const auto start_again = [this, i = fault.a] {
    Node& node = nodes_[i];
    if (!node.process->ended()) node.process->kill(false);
    raise(node);
  };
  switch (fault.kind) {
    case FaultKind::kill:
      return kill(a, false, fault.lasts);
    case FaultKind::kill_mid_write:
      a.process->kill_after(fault.amount % 30);
      lower(a);
      return later(start_again);
    case FaultKind::power_cut:
      return kill(a, true, fault.lasts);
    case FaultKind::stop:
      lower(a);
      a.process->terminate();
      return later(start_again);
    case FaultKind::pause:
      host.paused_until = agenda_.now() + fault.lasts;
      return;
    case FaultKind::cut:
    case FaultKind::cut_one_way:
      return cut(name, nodes_[fault.b].host->name, fault.kind == FaultKind::cut, fault.lasts);
    case FaultKind::isolate:
      for (const Node& other : nodes_) {
        if (&other != &a) cut(name, other.host->name, true, fault.lasts);
      }
      cut(name, HttpService::host, true, fault.lasts);
      return cut_etcd();
    case FaultKind::cut_etcd:
      return cut_etcd();
    case FaultKind::break_connections:
      for (std::uint64_t i = 0; i <= fault.amount % 10; ++i) network_.break_some();
      return;
    case FaultKind::slow_network:
      network_.delay_max = Millis(20 + fault.amount % 400);
      return later([this] { network_.delay_max = Millis(plan_.network_ms_max); });
    case FaultKind::etcd_outage:
      return etcd_.outage(std::min(fault.lasts, Millis(15'000)));
    case FaultKind::etcd_unreliable:
      etcd_.faults.refused = 0.05;
      etcd_.faults.request_lost = 0.05;
      etcd_.faults.reply_lost = 0.1;
      etcd_.faults.late = 0.05;
      return later([this] {
        etcd_.faults.refused = etcd_.faults.request_lost = etcd_.faults.reply_lost =
            etcd_.faults.late = 0;
      });
    case FaultKind::etcd_watches:
      etcd_.faults.event_lost = 0.02;
      etcd_.faults.events_repeated = 0.05;
      etcd_.faults.events_reordered = 0.02;
      etcd_.faults.events_split = 0.2;
      etcd_.faults.watch_ended = 0.02;
      etcd_.faults.watch_silent = 0.01;
      return later([this] {
        etcd_.faults.event_lost = etcd_.faults.events_repeated = etcd_.faults.events_reordered =
            etcd_.faults.events_split = etcd_.faults.watch_ended = etcd_.faults.watch_silent = 0;
      });
    case FaultKind::etcd_moved:
      return etcd_.end_watches();
    case FaultKind::clock_jump: {
      const auto by =
          Millis(static_cast<Millis::rep>(fault.amount % 7'200'000)) - Millis(3'600'000);
      host.clock_ahead += fault.amount % 3 == 0 ? by : by / 500;
      return;
    }
    case FaultKind::clock_drift:
      host.set_clock_rate(0.5 + static_cast<double>(fault.amount % 100) / 50, agenda_.now());
      return later([this, i = fault.a] { nodes_[i].host->set_clock_rate(1, agenda_.now()); });
    case FaultKind::slow_disk:
      host.sync_min = Millis(100);
      host.sync_max = Millis(100 + fault.amount % 3'000);
      return later([this, i = fault.a] {
        nodes_[i].host->sync_min = Millis(1);
        nodes_[i].host->sync_max = Millis(10);
      });
    case FaultKind::full_disk:
      host.files.set_capacity(host.files.used_bytes());
      host.commits_fail = true;
      return later([this, i = fault.a] {
        nodes_[i].host->files.set_capacity(UINT64_MAX);
        nodes_[i].host->commits_fail = false;
      });
    case FaultKind::failed_sync:
      // What failed may be gone though a later sync says yes: only a restart helps,
      // and the machine's, since the kernel holds for written what is not.
      host.files.fail_sync_after(fault.amount % 4);
      return later([this, i = fault.a] {
        Node& node = nodes_[i];
        node.host->files.heal();
        if (!node.process->ended()) kill(node, false, Millis(100));
      });
    case FaultKind::failed_commit:
      host.commits_fail = true;
      return later([this, i = fault.a] { nodes_[i].host->commits_fail = false; });
    case FaultKind::join:
      return add_node(true);
    case FaultKind::leave:
      return leave(fault.a);
    case FaultKind::bit_flip:
      return flip_bit(a, fault.lasts);
    case FaultKind::count:
      break;
  }
  HF_ASSERT(false);
}

// The node's machine is lost, and whoever runs the cluster says so.
void World::leave(std::size_t index) {
  // What is removed before the others have begun they would wait for.
  const auto all = members();
  const bool begun = std::ranges::all_of(all, [](const Node* one) { return serves(*one); });
  if (all.size() < 3 || nodes_[index].gone || !begun) return;
  Node& node = nodes_[index];
  node.gone = true;
  if (!node.process->ended()) node.process->kill(true);
  const std::string address = node.options.resp;
  lost_.insert(address);
  std::erase(addresses_, address);
  remove(node);
}

void World::remove(const Node& gone) {
  operators_.push_back(std::make_shared<Client>(client_parts(Owners::root), "operator"));
  operators_.back()->insist({"NODE", "REMOVE", gone.host->name}, [](const auto&) {});
}

void World::flip_bit(Node& node, Millis lasts) {
  // Where no other node has the data, they are lost with the folder.
  const bool others =
      std::ranges::all_of(members(), [&](const Node* one) { return one == &node || serves(*one); });
  if (!flipped_.empty() || node.gone || !others) return;
  flipped_ = node.host->name;
  kill(node, false, lasts);
  std::vector<std::string> paths = node.host->files.paths();
  std::erase_if(paths, [&](const auto& path) { return node.host->files.content(path).empty(); });
  if (paths.empty()) return;
  const std::string& path = paths[random_.below(paths.size())];
  const std::uint64_t size = node.host->files.content(path).size();
  // Most of a segment is room that nothing was written to yet.
  const std::uint64_t within = random_.percent(80) ? std::min<std::uint64_t>(size, 8'192) : size;
  node.host->files.flip_bit(path, random_.below(within * 8));
  note("a bit of " + path + " is another");
}

// What a node that refuses its damaged data asks for.
void World::wipe(Node& node) {
  note(node.host->name + " loses its folder");
  ++findings_.counts["wiped"];
  lost_.insert(node.options.resp);
  node.host->wipe();
}

void World::heal() {
  calm_ = true;
  network_.heal_all();
  network_.delay_max = Millis(plan_.network_ms_max);
  const Millis delay_max = etcd_.faults.delay_max;
  etcd_.faults = {};
  etcd_.faults.delay_max = delay_max;
  etcd_.outage(Millis(0));
  http_.heal();
  // More than an hour apart nodes take nothing from each other until time has passed, and behind
  // the log's time, to which a clock that was ahead has brought it, runs of workflows wait for it.
  Instant latest = log_time_;
  for (const Node& node : nodes_) {
    latest = std::max(latest, node.host->wall(agenda_.now()));
    if (node::Node* const up = node.process->node())
      latest = std::max({latest, up->eventual_time(), up->strong_time()});
  }
  for (Node& node : nodes_) {
    Host& host = *node.host;
    host.files.heal();
    host.files.set_capacity(UINT64_MAX);
    host.commits_fail = false;
    host.sync_min = Millis(1);
    host.sync_max = Millis(10);
    host.set_clock_rate(1, agenda_.now());
    host.clock_ahead += latest - host.wall(agenda_.now());
    host.paused_until = {};
    if (etcd::FakeClient* client = node.process->etcd_client()) client->cut(false);
  }
}

}  // namespace holdfast::sim
