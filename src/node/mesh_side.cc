// SPDX-License-Identifier: Apache-2.0
#include "node/mesh_side.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "log/small_file.h"

namespace holdfast::node {
namespace {

constexpr Millis trim_interval{1'000};

}  // namespace

MeshSide::MeshSide(boost::asio::io_context& io, FileSystem& files, const Options& options,
                   const Incarnation& incarnation, eventual::Replica& replica, DiskLog& log)
    : files_(files),
      path_(options.data + "/mesh"),
      log_(log),
      replication_(options.node, incarnation.origin, incarnation.former, {}, replica, log),
      mesh_(io, replication_,
            {.cluster = options.cluster,
             .node = options.node,
             .secret = mesh::Secret(options.cluster_secret)}) {}

Status MeshSide::load() {
  auto bytes = read_small_file(files_, path_);
  if (!bytes) return tl::unexpected(bytes.error());
  saved_ = std::move(*bytes);
  if (saved_.empty()) return {};
  if (Status s = replication_.add_members(saved_); !s)
    return fail(Code::corrupt, path_ + ": " + s.error().message);
  return {};
}

Status MeshSide::save() {
  const std::uint64_t changes = replication_.holdings().member_changes();
  if (changes == saved_changes_) return {};
  std::string now = replication_.holdings().encode_members();
  if (now != saved_) {
    if (Status s = replace_small_file(files_, path_, now); !s) return s;
    saved_ = std::move(now);
  }
  saved_changes_ = changes;
  return {};
}

void MeshSide::follow(const Members& members) {
  std::set<std::string, std::less<>> now;
  for (const auto& [id, member] : members.all()) now.insert(id);
  now.erase(replication_.holdings().self().node);
  for (const std::string& id : now) {
    if (!members_.contains(id)) replication_.expect(id);
  }
  for (const std::string& id : members_) {
    if (!now.contains(id)) replication_.remove(id);
  }
  members_ = std::move(now);
}

Status MeshSide::admit(const std::string& node, eventual::OriginId origin) {
  replication_.begins_anew(node, origin);
  return save();
}

bool MeshSide::wants_addresses() const {
  const auto peers = mesh_.peers();
  const auto connected = std::ranges::count_if(peers, &mesh::Mesh::Peer::connected);
  return static_cast<std::size_t>(connected) + 1 < replication_.holdings().all().size();
}

std::vector<NodeFacts::Behind> MeshSide::behind(Monotonic now) {
  std::vector<NodeFacts::Behind> all;
  const mesh::Holdings& holdings = replication_.holdings();
  for (const auto& [node, holding] : holdings.all()) {
    if (node == holdings.self().node) continue;
    NodeFacts::Behind& told = all.emplace_back(NodeFacts::Behind{.node = node, .by = {}});
    if (const auto until = replication_.seen_until(node))
      told.by = std::max(Millis(0), std::chrono::ceil<Millis>(now - *until));
  }
  return all;
}

void MeshSide::turn(Instant wall, Monotonic now) {
  // Nothing is told by a node that could forget whom it had told.
  if (Status s = save(); !s) {
    if (!std::exchange(save_failed_, true))
      logging::error("{} cannot be written, so nothing is replicated: {}", path_,
                     s.error().message);
    return;
  }
  save_failed_ = false;
  mesh_.turn(wall, now);
  if (now < trim_at_) return;
  trim_at_ = now + trim_interval;
  trim();
}

void MeshSide::on_checkpoint(Position position) {
  checkpointed_ = position;
  trim();
}

void MeshSide::trim() {
  log_.trim(std::min(checkpointed_, replication_.trimmable()));
}

}  // namespace holdfast::node
