// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "trial/connection.h"
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
};

/// A cluster of a trial's own, on loopback: nodes, and members of etcd for
/// their engine where etcd is there, all processes of ours, and all links
/// between them proxies. A single node without etcd has the embedded engine.
class OwnCluster {
 public:
  struct Node {
    std::unique_ptr<Process> process;
    Address address;                              // for clients
    std::unique_ptr<Proxy> mesh;                  // the others come through it
    std::vector<std::unique_ptr<Proxy>> to_etcd;  // it goes through them
  };

  OwnCluster(boost::asio::io_context& io, OwnClusterOptions options);

  Status start();
  /// Nodes end as an operator ends them, then etcd.
  void stop();

  bool has_engine() const { return !etcd_.empty(); }
  bool has_strong() const { return has_engine() || nodes_.size() == 1; }
  std::vector<Node>& nodes() { return nodes_; }
  std::vector<std::unique_ptr<Process>>& etcd() { return etcd_; }
  std::vector<Address> addresses() const;
  /// A process that has ended by itself; null: none has.
  Process* ended();
  std::string describe() const;
  Usage usage() const;

 private:
  Status make_etcd();
  Status make_nodes();
  std::vector<std::string> node_command(std::size_t number, const Node& node,
                                        const std::string& http, const std::string& mesh) const;

  boost::asio::io_context& io_;
  OwnClusterOptions options_;
  std::vector<std::string> etcd_ports_;  // for clients
  std::vector<std::unique_ptr<Process>> etcd_;
  std::vector<Node> nodes_;
};

}  // namespace holdfast::trial
