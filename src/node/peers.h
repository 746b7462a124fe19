// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "base/error.h"
#include "log/etcd/api.h"
#include "mesh/checkpoint_server.h"
#include "node/address_book.h"
#include "node/membership.h"
#include "node/options.h"
#include "table/store.h"

namespace holdfast::node {

/// What nodes of a cluster do for one another beside the log: tell where they
/// are, and give a node that has lost its place a checkpoint. On the node's
/// thread.
class Peers {
 public:
  Peers(boost::asio::io_context& io, const Options& options, std::shared_ptr<etcd::Api> api,
        Store& store, Membership& membership);

  /// Serves checkpoints from now on.
  Status listen();
  /// Now and then.
  void tick();
  void stop() { server_.stop_accepting(); }
  mesh::CheckpointServer::Counters counters() const { return server_.counters(); }

  /// Before the node serves: receives some peer's checkpoint into the folder
  /// beside the table's, with what is this node's own. Tries until one could
  /// give it. Then the table is to be closed, and TableFolders::adopt_incoming().
  Status load_checkpoint();

 private:
  Result<mesh::CheckpointSource> begin();
  Status receive(const std::vector<std::string>& peers);

  const Options& options_;
  Store& store_;
  Membership& membership_;
  AddressBook addresses_;
  mesh::CheckpointServer server_;
  int streams_ = 0;
  Monotonic hold_until_{};
};

}  // namespace holdfast::node
