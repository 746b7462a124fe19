// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "catalog/keyspace_rows.h"
#include "catalog/members.h"
#include "eventual/replica.h"
#include "log/disk_log.h"
#include "log/file_system.h"
#include "mesh/mesh.h"
#include "mesh/replication.h"
#include "node/options.h"
#include "node/origin_identity.h"

namespace holdfast::node {

/// This node's part in the mesh: who its members are, kept in the file `mesh`;
/// where they are; what goes out at the end of a turn; and how much of the
/// origin log they still need. One thread.
class MeshSide {
 public:
  MeshSide(boost::asio::io_context& io, FileSystem& files, const Options& options,
           const Incarnation& incarnation, eventual::Replica& replica, DiskLog& log);

  /// Who the members were. Before the origin log is replayed.
  Status load();
  /// After that.
  void start() { replication_.start(); }

  /// Who shares the strong log: they are the members.
  void follow(const Members& members);
  /// A member without data asks for all of it: from now on nothing counts as
  /// settled that it has not got. An error: that could not be written down.
  Status admit(const std::string& node, eventual::OriginId origin);
  eventual::OriginId origin() const { return replication_.holdings().self().origin; }
  /// Where the others are.
  void set_addresses(const std::vector<std::string>& addresses) { mesh_.set_peers(addresses); }
  /// Whether some member is not connected to: its address may be another by now.
  bool wants_addresses() const;

  /// How far this node is behind each other member, at most.
  std::vector<NodeFacts::Behind> behind(Monotonic now);

  mesh::Mesh& mesh() { return mesh_; }
  const mesh::Replication& replication() const { return replication_; }

  /// When no entry is open and all that was merged is in the log.
  void turn(Instant wall, Monotonic now);
  /// The checkpoint holds the origin log up to here: with what all members have of
  /// it, it may be forgotten.
  void on_checkpoint(Position position);
  void stop() { mesh_.stop(); }

 private:
  Status save();
  void trim();

  FileSystem& files_;
  std::string path_;
  DiskLog& log_;
  mesh::Replication replication_;
  mesh::Mesh mesh_;
  std::string saved_;  // the file's content
  std::uint64_t saved_changes_ = 0;
  std::set<std::string, std::less<>> members_;  // of the strong log, this node not among them
  Position checkpointed_;
  Monotonic trim_at_{};
  bool save_failed_ = false;
};

}  // namespace holdfast::node
