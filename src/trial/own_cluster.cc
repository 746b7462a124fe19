// SPDX-License-Identifier: Apache-2.0
#include "trial/own_cluster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "trial/socket_owner.h"

namespace holdfast::trial {
namespace {

constexpr const char* loopback = "127.0.0.1";

std::string at(const std::string& port) {
  return fmt::format("{}:{}", loopback, port);
}

std::string url(const std::string& port) {
  return "http://" + at(port);
}

std::string node_name(std::size_t index) {
  return fmt::format("node{}", index + 1);
}

}  // namespace

OwnCluster::OwnCluster(boost::asio::io_context& io, OwnClusterOptions options)
    : io_(io), options_(std::move(options)) {}

Link& OwnCluster::make_link(const std::string& first, const std::string& second) {
  links_.push_back(std::make_unique<Link>(first, second, options_.seed + links_.size()));
  return *links_.back();
}

Proxy::Choose OwnCluster::coming_to(std::string receiver) {
  return [this, receiver = std::move(receiver)](
             const auto& maker, const auto& proxy) -> std::optional<Proxy::Bearing> {
    std::vector<const Process*> all;
    for (const Node& node : nodes_) all.push_back(node.process.get());
    for (const auto& member : etcd_) all.push_back(member.get());
    std::vector<pid_t> ids;
    ids.reserve(all.size());
    for (const Process* one : all) ids.push_back(one->id());
    const pid_t owner = owner_of(maker, proxy, ids);
    if (owner == 0) return std::nullopt;
    const auto at = static_cast<std::size_t>(std::ranges::find(ids, owner) - ids.begin());
    for (const auto& link : links_) {
      if (link->joins(all[at]->name(), receiver))
        return Proxy::Bearing{.link = link.get(),
                              .out = link->second() == receiver ? Way::forth : Way::back};
    }
    return std::nullopt;
  };
}

std::string OwnCluster::take_port() {
  std::string port = std::move(ports_.back());
  ports_.pop_back();
  return port;
}

Status OwnCluster::make_etcd() {
  std::vector<std::string> names, listened, advertised, peers;
  for (std::size_t i = 0; i < options_.etcd_members; ++i) {
    names.push_back(fmt::format("etcd{}", i + 1));
    etcd_ports_.push_back(take_port());
    std::string peer_port = take_port();
    listened.push_back(url(peer_port));
    if (options_.etcd_links) {
      for (std::size_t other = 0; other < i; ++other) make_link(names[other], names[i]);
      etcd_peers_.push_back(
          std::make_unique<Proxy>(io_, Address{loopback, peer_port}, coming_to(names[i])));
      if (Status s = etcd_peers_.back()->listen(); !s) return s;
      peer_port = etcd_peers_.back()->port();
    }
    advertised.push_back(url(peer_port));
    peers.push_back(fmt::format("{}={}", names[i], advertised[i]));
  }
  for (std::size_t i = 0; i < options_.etcd_members; ++i) {
    const std::string client = url(etcd_ports_[i]);
    etcd_.push_back(std::make_unique<Process>(
        names[i],
        std::vector<std::string>{
            options_.etcd, "--name", names[i], "--data-dir", options_.folder + "/" + names[i],
            "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls",
            listened[i], "--initial-advertise-peer-urls", advertised[i], "--initial-cluster",
            fmt::format("{}", fmt::join(peers, ",")), "--initial-cluster-token",
            "holdfast-" + options_.cluster, "--log-level", "warn"},
        fmt::format("{}/{}.log", options_.folder, names[i])));
  }
  return {};
}

Status OwnCluster::make_node_proxies(Node& node, const std::string& mesh_port) {
  const std::string name = node_name(nodes_.size() - 1);
  for (std::size_t other = 0; other + 1 < nodes_.size(); ++other)
    mesh_links_.push_back(&make_link(node_name(other), name));
  node.mesh = std::make_unique<Proxy>(io_, Address{loopback, mesh_port}, coming_to(name));
  if (Status s = node.mesh->listen(); !s) return s;
  for (std::size_t i = 0; i < etcd_ports_.size(); ++i) {
    node.etcd_links.push_back(&make_link(name, etcd_[i]->name()));
    node.to_etcd.push_back(
        std::make_unique<Proxy>(io_, Address{loopback, etcd_ports_[i]}, *node.etcd_links.back()));
    if (Status s = node.to_etcd.back()->listen(); !s) return s;
  }
  return {};
}

Status OwnCluster::make_nodes() {
  std::vector<std::string> mesh_ports;
  for (std::size_t i = 0; i < options_.nodes; ++i) {
    Node& node = nodes_.emplace_back();
    node.address = {loopback, take_port()};
    mesh_ports.push_back(take_port());
    if (Status s = make_node_proxies(node, mesh_ports[i]); !s) return s;
  }
  for (std::size_t i = 0; i < options_.nodes; ++i) {
    nodes_[i].process = std::make_unique<Process>(
        node_name(i), node_command(i, nodes_[i], take_port(), mesh_ports[i]),
        fmt::format("{}/{}.log", options_.folder, node_name(i)));
  }
  return {};
}

std::vector<std::string> OwnCluster::node_command(std::size_t number, const Node& node,
                                                  const std::string& http,
                                                  const std::string& mesh) const {
  const std::string name = node_name(number);
  // Checkpoints often: faults shall fall into them.
  std::vector<std::string> command{options_.program,
                                   "serve",
                                   "--node",
                                   name,
                                   "--data",
                                   options_.folder + "/" + name,
                                   "--resp",
                                   node.address.text(),
                                   "--http",
                                   at(http),
                                   "--checkpoint-interval",
                                   "2s",
                                   "--request-timeout",
                                   options_.request_timeout};
  const auto add = [&command](std::initializer_list<std::string> more) {
    command.insert(command.end(), more);
  };
  if (options_.nodes > 1 || has_engine())
    add({"--mesh", at(mesh), "--mesh-advertise", at(node.mesh->port()), "--cluster",
         options_.cluster});
  std::vector<std::string> others;
  if (has_engine()) {
    for (const auto& proxy : node.to_etcd) others.push_back(at(proxy->port()));
    add({"--engine", fmt::format("etcd://{}", fmt::join(others, ","))});
  } else if (options_.nodes > 1) {
    for (const Node& other : nodes_) {
      if (&other != &node) others.push_back(at(other.mesh->port()));
    }
    add({"--peers", fmt::format("{}", fmt::join(others, ","))});
  }
  return command;
}

Status OwnCluster::start() {
  std::error_code failed;
  std::filesystem::create_directories(options_.folder, failed);
  if (failed) return fail(Code::err, options_.folder + ": " + failed.message());
  auto ports = free_ports(2 * options_.etcd_members + 3 * options_.nodes);
  if (!ports) return tl::unexpected(ports.error());
  ports_ = *std::move(ports);
  if (!options_.etcd.empty()) {
    if (Status s = make_etcd(); !s) return s;
  }
  if (Status s = make_nodes(); !s) return s;
  for (const auto& member : etcd_) {
    if (Status s = member->start(); !s) return s;
  }
  for (const Node& node : nodes_) {
    if (Status s = node.process->start(); !s) return s;
  }
  return {};
}

void OwnCluster::stop() {
  for (const Node& node : nodes_) node.process->stop();
  // At an orderly end a member hands over to others, by links that carry nothing while we wait
  // here.
  for (const auto& member : etcd_) {
    if (options_.etcd_links) {
      member->kill();
    } else {
      member->stop();
    }
  }
}

std::vector<Address> OwnCluster::addresses() const {
  std::vector<Address> all;
  for (const Node& node : nodes_) all.push_back(node.address);
  return all;
}

Process* OwnCluster::ended() {
  for (const Node& node : nodes_) {
    if (node.process->ended_by_itself()) return node.process.get();
  }
  for (const auto& member : etcd_) {
    if (member->ended_by_itself()) return member.get();
  }
  return nullptr;
}

Usage OwnCluster::usage() const {
  Usage all;
  for (const Node& node : nodes_) {
    all.memory_bytes += resident_bytes(node.process->id());
    all.open_files += open_files(node.process->id());
    all.disk_bytes += folder_bytes(fmt::format("{}/{}", options_.folder, node.process->name()));
  }
  for (const auto& member : etcd_)
    all.etcd_disk_bytes += folder_bytes(fmt::format("{}/{}", options_.folder, member->name()));
  return all;
}

std::string OwnCluster::describe() const {
  if (has_engine())
    return fmt::format("{} nodes over {} etcd members", nodes_.size(), etcd_.size());
  if (nodes_.size() == 1) return "one node with the embedded engine";
  return fmt::format("{} nodes without an engine", nodes_.size());
}

}  // namespace holdfast::trial
