// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "trial/connection.h"
#include "trial/link.h"
#include "trial/process.h"
#include "trial/proxy.h"
#include "trial/usage.h"

namespace holdfast::trial {

struct OwnClusterOptions {
  std::string program;  // holdfast
  std::string folder;   // of all their data and logs
  std::size_t nodes = 3;
  std::string etcd;              // the program; empty: the nodes have no engine
  std::size_t etcd_members = 3;  // where there is one
  bool etcd_links = false;       // those between etcd's members are proxies, too
  std::string cluster = "verify";
  std::string request_timeout = "2s";
  std::uint64_t seed = 0;  // of what links do by chance
};

/// A cluster of a trial's own, on loopback: nodes, and members of etcd for
/// their engine where etcd is there, all processes of ours, and a link of each
/// pair that talks: "node1-node2", "node1-etcd3", "etcd1-etcd2". A single node
/// without etcd has the embedded engine.
class OwnCluster {
 public:
  struct Node {
    std::unique_ptr<Process> process;
    Address address;                              // for clients
    std::unique_ptr<Proxy> mesh;                  // the others come through it
    std::vector<std::unique_ptr<Proxy>> to_etcd;  // it goes through them
    std::vector<Link*> etcd_links;                // by these
  };

  OwnCluster(boost::asio::io_context& io, OwnClusterOptions options);

  Status start();
  /// Nodes end as an operator ends them, then etcd.
  void stop();

  bool has_engine() const { return !etcd_.empty(); }
  bool has_strong() const { return has_engine() || nodes_.size() == 1; }
  std::vector<Node>& nodes() { return nodes_; }
  std::vector<std::unique_ptr<Process>>& etcd() { return etcd_; }
  std::vector<std::unique_ptr<Link>>& links() { return links_; }
  const std::vector<std::unique_ptr<Link>>& links() const { return links_; }
  /// Of nodes to one another.
  const std::vector<Link*>& mesh_links() const { return mesh_links_; }
  std::vector<Address> addresses() const;
  /// A process that has ended by itself; null: none has.
  Process* ended();
  std::string describe() const;
  Usage usage() const;

 private:
  std::string take_port();
  Status make_etcd();
  Status make_nodes();
  Status make_node_proxies(Node& node, const std::string& mesh_port);
  Link& make_link(const std::string& first, const std::string& second);
  /// For a proxy that leads to it: which link a connection comes by.
  Proxy::Choose coming_to(std::string receiver);
  std::vector<std::string> node_command(std::size_t number, const Node& node,
                                        const std::string& http, const std::string& mesh) const;

  boost::asio::io_context& io_;
  OwnClusterOptions options_;
  std::vector<std::string> ports_;  // drawn together: one drawn later might be one of them
  // Links before the proxies that use them.
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<Link*> mesh_links_;
  std::vector<std::string> etcd_ports_;             // for clients
  std::vector<std::unique_ptr<Proxy>> etcd_peers_;  // one a member, where there are etcd_links
  std::vector<std::unique_ptr<Process>> etcd_;
  std::vector<Node> nodes_;
};

}  // namespace holdfast::trial
