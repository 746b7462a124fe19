// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
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
#include "mesh/whereabouts.h"
#include "node/credentials.h"
#include "node/options.h"
#include "node/origin_identity.h"

namespace holdfast::node {

class Environment;

/// This node's part in the mesh: who its members are, kept in the file `mesh`;
/// where they are; what goes out at the end of a turn; and how much of the
/// origin log they still need. One thread.
class MeshSide {
 public:
  MeshSide(Environment& environment, const Options& options, const Credentials& credentials,
           const Incarnation& incarnation, eventual::Replica& replica, DiskLog& log);

  /// Who the members were. Before the origin log is replayed. `has_data`: it has
  /// had a part in the eventual keyspaces.
  Status load(bool has_data);
  /// After that.
  void start() { replication_.start(); }

  /// Who shares the strong log: they are the members. `to_the_end`: the log has been followed
  /// past this node's start, so that whom only its own file names is none: it was removed, and
  /// the log told so while this node was away, or in what a peer's checkpoint had left behind.
  void follow(const Members& members, bool to_the_end);
  /// A member without data asks for all of it: from now on nothing counts as
  /// settled that it has not got. An error: that could not be written down.
  Status admit(const mesh::Hello& hello);
  eventual::OriginId origin() const { return replication_.holdings().self().origin; }
  /// Nodes without an engine: who they are and where comes through the mesh itself.
  /// Makes the members what is known of the mesh's.
  void tell(Members& members, Instant wall, Monotonic now);
  /// Whether the others count this node out for good.
  bool is_removed() const;
  /// Before it serves: asks who is there, for a second where they do not answer, and
  /// whether another node with this one's id runs: then who says so. Blocks; `turn` lets the
  /// connections do what they have to, for some milliseconds, and then calls turn().
  std::optional<std::string> find_out_who_runs(const std::function<void()>& turn);
  /// Replication::is_rolled_back().
  bool is_rolled_back() const { return replication_.is_rolled_back(); }
  /// Whether that is so, and has been for a while.
  bool id_is_taken(Monotonic now);
  /// Where this node is, once it listens.
  void set_place(std::string address);
  /// Another asks who is here; what it is to be told. An error: nothing can be,
  /// since it could not be written down that it counts.
  Result<mesh::Hello> asked(const mesh::Hello& by);
  std::vector<std::string> addresses() const { return where_->to_dial(); }
  /// There are data from now on, if only none.
  void set_has_data(bool has) { mesh_.set_has_data(has); }
  bool has_data() const { return mesh_.has_data(); }

  /// With an engine: where the others are.
  void set_addresses(const std::vector<std::string>& addresses) { mesh_.set_peers(addresses); }
  /// Whether some member is not connected to: its address may be another by now.
  bool wants_addresses() const;

  /// How far this node is behind each other member, at most.
  std::vector<NodeFacts::Behind> behind(Monotonic now);

  /// Asks a member what it says of a key. An error: it cannot be asked now, and why.
  Status ask(const std::string& node, const mesh::Question& question);

  mesh::Mesh& mesh() { return mesh_; }
  const mesh::Replication& replication() const { return replication_; }

  /// When no entry is open and all that was merged is in the log.
  void turn(Instant wall, Monotonic now);
  /// When the next turn is wanted at the latest; max(): none is.
  Monotonic wanted_at() const { return save_failed_ ? Monotonic::max() : mesh_.wanted_at(); }
  /// The checkpoint holds the origin log up to here: with what all members have of
  /// it, it may be forgotten.
  void on_checkpoint(Position position, const eventual::VersionVector& merged);
  /// Whether no peer will ever send what this node has missed, as far as one can tell.
  bool needs_checkpoint(Monotonic now);
  /// A checkpoint of that is given to a node which builds on it, or this node is to build
  /// on one. An error: it cannot, or that could not be written down.
  Status gives(const eventual::VersionVector& merged);
  Status builds_on(const eventual::VersionVector& merged);
  /// The log holds what follows this.
  Position log_begin() const { return {log_.first().value - 1}; }
  void stop() { mesh_.stop(); }

 private:
  Status save();
  void settle_listed();
  void forget_strangers();
  void trim();
  Position let_go();

  Environment& environment_;
  FileSystem& files_;
  std::string path_;
  std::string places_path_;
  DiskLog& log_;
  mesh::Replication replication_;
  std::optional<mesh::Whereabouts> where_;  // without an engine
  mesh::Mesh mesh_;
  std::string saved_;  // the file's content
  std::uint64_t saved_changes_ = 0;
  std::uint64_t settled_places_ = 0;  // Whereabouts::changes()
  std::set<std::string> placeholders_;
  bool begun_ = false;  // with data, or none, of its own
  Monotonic forget_at_{};
  std::set<std::string, std::less<>> members_;  // of the strong log, this node not among them
  std::uint64_t log_bytes_max_;
  Position checkpointed_;
  eventual::VersionVector checkpoint_merged_;
  std::optional<Monotonic> missing_since_;
  std::uint64_t began_;  // by the wall clock: tells this process from others of its id
  std::optional<Monotonic> taken_since_;
  Monotonic trim_at_{};
  bool save_failed_ = false;
};

}  // namespace holdfast::node
