// SPDX-License-Identifier: Apache-2.0
#include "trial/own_cluster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <utility>

namespace holdfast::trial {
namespace {

constexpr const char* loopback = "127.0.0.1";

std::string at(const std::string& port) {
  return fmt::format("{}:{}", loopback, port);
}

std::string url(const std::string& port) {
  return "http://" + at(port);
}

}  // namespace

OwnCluster::OwnCluster(boost::asio::io_context& io, OwnClusterOptions options)
    : io_(io), options_(std::move(options)) {}

Status OwnCluster::make_etcd() {
  const auto ports = free_ports(2 * options_.etcd_members);
  if (!ports) return tl::unexpected(ports.error());
  std::vector<std::string> peers;
  for (std::size_t i = 0; i < options_.etcd_members; ++i) {
    etcd_ports_.push_back((*ports)[2 * i]);
    peers.push_back(fmt::format("etcd{}={}", i + 1, url((*ports)[2 * i + 1])));
  }
  for (std::size_t i = 0; i < options_.etcd_members; ++i) {
    const std::string name = fmt::format("etcd{}", i + 1);
    const std::string client = url((*ports)[2 * i]), peer = url((*ports)[2 * i + 1]);
    etcd_.push_back(std::make_unique<Process>(
        name,
        std::vector<std::string>{
            options_.etcd, "--name", name, "--data-dir", options_.folder + "/" + name,
            "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls",
            peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
            fmt::format("{}", fmt::join(peers, ",")), "--initial-cluster-token", "holdfast-verify",
            "--log-level", "warn"},
        fmt::format("{}/{}.log", options_.folder, name)));
  }
  return {};
}

Status OwnCluster::make_nodes() {
  const auto ports = free_ports(3 * options_.nodes);
  if (!ports) return tl::unexpected(ports.error());
  for (std::size_t i = 0; i < options_.nodes; ++i) {
    Node& node = nodes_.emplace_back();
    node.address = {loopback, (*ports)[3 * i]};
    node.mesh = std::make_unique<Proxy>(io_, Address{loopback, (*ports)[3 * i + 2]});
    if (Status s = node.mesh->listen(); !s) return s;
    for (const std::string& port : etcd_ports_) {
      node.to_etcd.push_back(std::make_unique<Proxy>(io_, Address{loopback, port}));
      if (Status s = node.to_etcd.back()->listen(); !s) return s;
    }
  }
  for (std::size_t i = 0; i < options_.nodes; ++i) {
    const std::string name = fmt::format("n{}", i + 1);
    nodes_[i].process = std::make_unique<Process>(
        name, node_command(i, nodes_[i], (*ports)[3 * i + 1], (*ports)[3 * i + 2]),
        fmt::format("{}/{}.log", options_.folder, name));
  }
  return {};
}

std::vector<std::string> OwnCluster::node_command(std::size_t number, const Node& node,
                                                  const std::string& http,
                                                  const std::string& mesh) const {
  const std::string name = fmt::format("n{}", number + 1);
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
                                   "2s"};
  const auto add = [&command](std::initializer_list<std::string> more) {
    command.insert(command.end(), more);
  };
  if (options_.nodes > 1 || has_engine())
    add({"--mesh", at(mesh), "--mesh-advertise", at(node.mesh->port()), "--cluster", "verify"});
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
  for (const auto& member : etcd_) member->stop();
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
