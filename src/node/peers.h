// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "log/etcd/api.h"
#include "log/etcd/presence.h"
#include "mesh/reception.h"
#include "node/address_book.h"
#include "node/checkpointer.h"
#include "node/credentials.h"
#include "node/environment.h"
#include "node/membership.h"
#include "node/mesh_side.h"
#include "node/options.h"
#include "table/store.h"

namespace holdfast::node {

/// What nodes of a cluster do for one another beside the log: tell that and where
/// they are, and give a node that has lost its place a checkpoint. On the node's
/// thread.
class Peers {
 public:
  struct Parts {
    Environment& environment;
    const Options& options;
    const Credentials& credentials;
    Store& store;
    MeshSide& mesh;
    Checkpointer& checkpointer;
    // With an engine, which tells where the others are. Else the mesh itself does.
    std::shared_ptr<etcd::Api> api;
    Membership* membership = nullptr;
  };
  explicit Peers(const Parts& parts);

  /// Serves checkpoints from now on.
  Status listen();
  /// Where others reach this node.
  std::string address() const;
  /// Goes on with saying that this node is alive. Every 100 ms or so.
  void step() {
    if (presence_) presence_->step();
  }
  /// Whether no other node has this one's id, as far as etcd knows.
  bool id_is_held() const { return presence_->state() == etcd::Presence::State::held; }
  /// Who has this node's id and runs; nothing: nobody, as far as is known.
  std::optional<std::string> other_with_id() const;

  /// Once the node serves: step(), and what else is due. Likewise.
  void tick();
  void stop() { reception_->stop_accepting(); }
  mesh::Reception::Counters counters() const { return reception_->counters(); }

  /// Before the node serves: receives some peer's checkpoint into the folder
  /// beside the table's: of the strong keyspaces, with what is this node's own, or
  /// (`whole`) of all, for a node that has nothing. Tries until one could give it,
  /// or so many times: then an error. When it has one, the table is to be closed,
  /// and TableFolders::adopt_incoming().
  Status load_checkpoint(bool whole, std::optional<int> tries = std::nullopt);

 private:
  mesh::Reception::Options reception();
  Result<mesh::CheckpointSource> begin(const mesh::Hello& hello);
  Status admit(const mesh::Hello& hello);
  Result<std::vector<std::string>> others();
  Status receive(const std::vector<std::string>& peers, bool whole);
  Status receive_from(const std::string& peer, bool whole);

  Environment& environment_;
  const Options& options_;
  const Credentials& credentials_;
  Store& store_;
  MeshSide& mesh_;
  Checkpointer& checkpointer_;
  Membership* membership_;
  std::optional<AddressBook> addresses_;
  std::optional<etcd::Presence> presence_;
  std::unique_ptr<mesh::Reception> reception_;
  int streams_ = 0;
  // Nodes that come without data, how many checkpoints must have been written before
  // one holds all that was settled without them, and when they last asked.
  struct Newcomer {
    std::uint64_t checkpoints = 0;
    Monotonic asked_at{};
  };
  std::map<std::pair<std::string, std::uint64_t>, Newcomer> newcomers_;
  Monotonic look_at_{};
  Monotonic hold_until_{};
};

}  // namespace holdfast::node
