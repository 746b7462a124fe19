// SPDX-License-Identifier: Apache-2.0
#include "node/mesh_side.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "log/small_file.h"
#include "node/environment.h"

namespace holdfast::node {
namespace {

constexpr Millis trim_interval{1'000};
constexpr Millis forget_interval{10'000};
constexpr Millis missing_max{3'000};
// How long a starting node asks those who do not answer; and how long it waits for
// another with its id to be gone, such as itself before the start.
constexpr Millis ask_patience{1'000};
constexpr Millis id_patience{5'000};

// Whether it holds, and has at every look for so long. `since` is when it began to.
bool has_lasted(bool holds, Millis least, Monotonic now, std::optional<Monotonic>& since) {
  if (!holds) {
    since.reset();
    return false;
  }
  if (!since) since = now;
  return now - *since > least;
}

// Stands for a listed address until who is there has said its name: nothing is
// stable without it. No node's id: those do not begin so.
std::string placeholder(const std::string& address) {
  return "@" + address;
}

std::optional<mesh::Whereabouts> whereabouts_of(const Options& options) {
  if (options.peers.empty()) return std::nullopt;
  return mesh::Whereabouts(options.node, options.peers);
}

}  // namespace

MeshSide::MeshSide(Environment& environment, const Options& options, const Credentials& credentials,
                   const Incarnation& incarnation, eventual::Replica& replica, DiskLog& log)
    : environment_(environment),
      files_(environment.files()),
      path_(options.data + "/mesh"),
      places_path_(options.data + "/places"),
      log_(log),
      replication_(options.node, incarnation.origin, incarnation.former, {}, replica, log),
      where_(whereabouts_of(options)),
      mesh_(environment.transport(), replication_,
            {.cluster = options.cluster,
             .node = options.node,
             .secret = credentials.secret,
             .tls = credentials.mesh,
             .where = where_ ? &*where_ : nullptr}),
      log_bytes_max_(options.mesh_log_bytes),
      began_(where_ ? static_cast<std::uint64_t>(to_ms(environment.wall())) : 0) {}

Status MeshSide::load(bool has_data) {
  begun_ = has_data;
  auto bytes = read_small_file(files_, path_);
  if (!bytes) return tl::unexpected(bytes.error());
  saved_ = std::move(*bytes);
  if (!saved_.empty()) {
    if (Status s = replication_.add_members(saved_); !s)
      return fail(Code::corrupt, path_ + ": " + s.error().message);
  }
  if (!where_) return {};
  for (const auto& [node, holding] : replication_.holdings().all()) {
    if (node.starts_with('@')) placeholders_.insert(node);
  }
  auto places = read_small_file(files_, places_path_);
  if (!places) return tl::unexpected(places.error());
  if (!places->empty()) {
    if (Status s = where_->restore(*places); !s)
      return fail(Code::corrupt, places_path_ + ": " + s.error().message);
  }
  settle_listed();
  return {};
}

// A node without data must count whoever is at an address that it was given: it may begin
// with none together with them. Who has answered is a member by its name. A node with
// data knows the members from those it has them of.
void MeshSide::settle_listed() {
  if (std::exchange(settled_places_, where_->changes()) == where_->changes()) return;
  std::set<std::string> unmet;
  for (const std::string& address : where_->never_met()) unmet.insert(placeholder(address));
  for (const std::string& one : unmet) {
    if (!begun_ && placeholders_.insert(one).second) replication_.expect(one);
  }
  std::erase_if(placeholders_, [&](const std::string& one) {
    if (unmet.contains(one)) return false;
    replication_.remove(one);
    return true;
  });
  // Only so that they are found more easily after a start: nothing depends on it.
  if (Status s = replace_small_file(files_, places_path_, where_->encode()); !s)
    logging::warning("{} cannot be written: {}", places_path_, s.error().message);
}

// Addresses go from node to node: those of a member that was taken out would for ever.
void MeshSide::forget_strangers() {
  const auto places = where_->places();
  for (const auto& [node, place] : places) {
    if (!replication_.holdings().all().contains(node)) where_->forget(node);
  }
}

void MeshSide::set_place(std::string address) {
  mesh_.set_place({.address = std::move(address), .since = began_});
}

std::optional<std::string> MeshSide::find_out_who_runs(const std::function<void()>& turn) {
  const bool has_data = this->has_data();
  set_has_data(false);  // it only asks
  set_place({});
  const Monotonic began = environment_.now();
  std::optional<std::string> taken;
  while (true) {
    turn();
    taken = mesh_.id_is_taken();
    const auto waited = environment_.now() - began;
    if (waited > (taken ? id_patience : ask_patience)) break;
    if (!taken && mesh_.has_asked_all()) break;
  }
  set_has_data(has_data);
  return taken;
}

bool MeshSide::id_is_taken(Monotonic now) {
  return has_lasted(where_ && mesh_.id_is_taken(), id_patience, now, taken_since_);
}

// Two without data may find that nobody has any, and then both begin with none: each
// must count the other from the first operation on, even where only one lists the other.
Result<mesh::Hello> MeshSide::asked(const mesh::Hello& by) {
  if (!where_) return fail(Code::err, "this node's peers are told by its engine");
  mesh::Hello answer = mesh_.hello(mesh::Purpose::probe);
  answer.id_is_taken = mesh_.is_taken(by);
  answer.has_of_you = replication_.has_of({by.origin});
  if (answer.id_is_taken) return answer;
  if (by.has_data || has_data() || by.node == answer.node) return answer;
  replication_.meet(by.node, {by.origin});
  if (Status s = save(); !s) return tl::unexpected(s.error());
  where_->told(by.node, {.address = by.address, .since = by.since});
  return answer;
}

bool MeshSide::is_removed() const {
  const mesh::Holdings& holdings = replication_.holdings();
  return holdings.has_ended(holdings.self().origin);
}

void MeshSide::tell(Members& members, Instant wall, Monotonic now) {
  const mesh::Holdings& holdings = replication_.holdings();
  for (const auto& [node, holding] : holdings.all()) {
    const std::string address = node.starts_with('@') ? node.substr(1) : where_->address_of(node);
    const Member* known = members.find(node);
    if (known != nullptr && (address.empty() || known->mesh == address)) continue;
    Member member = known != nullptr ? *known : Member{.id = node, .durable = {}};
    member.mesh = address;
    if (Status s = members.join(std::move(member), wall); !s)
      logging::warning("member '{}': {}", node, s.error().message);
  }
  std::vector<std::string> gone;
  for (const auto& [id, member] : members.all()) {
    if (!holdings.all().contains(id)) gone.push_back(id);
  }
  for (const std::string& id : gone) static_cast<void>(members.remove(id));
  for (const auto& [node, holding] : holdings.all()) {
    const auto until = replication_.seen_until(node);
    if (!until || node == holdings.self().node) continue;
    static_cast<void>(
        members.report(node, {}, wall - std::chrono::duration_cast<Millis>(now - *until)));
  }
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

void MeshSide::follow(const Members& members, bool to_the_end) {
  // First, so that no word of before counts for those who stay.
  if (!where_) replication_.set_removals(members.removals());
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
  // Of who has spoken others tell when it has ended; of who never did nobody could.
  if (!to_the_end) return;
  std::vector<std::string> unheard;
  for (const auto& [id, holding] : replication_.holdings().all()) {
    if (holding.origin.value == 0 && !members_.contains(id) &&
        id != replication_.holdings().self().node)
      unheard.push_back(id);
  }
  for (const std::string& id : unheard) replication_.remove(id);
}

Status MeshSide::admit(const mesh::Hello& hello) {
  if (Status s = mesh_.admit(hello); !s) return s;
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

Status MeshSide::ask(const std::string& node, const mesh::Question& question) {
  if (node.starts_with('@')) return fail(Code::unavailable, "it has never been met");
  return mesh_.ask(node, question);
}

void MeshSide::turn(Instant wall, Monotonic now) {
  if (where_) settle_listed();
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
  if (!where_ || now < forget_at_) return;
  if (forget_at_ != Monotonic{}) forget_strangers();
  forget_at_ = now + forget_interval;
}

void MeshSide::on_checkpoint(Position position, const eventual::VersionVector& merged) {
  checkpointed_ = position;
  checkpoint_merged_ = merged;
  trim();
}

void MeshSide::trim() {
  Position until = std::min(checkpointed_, replication_.trimmable());
  if (until < checkpointed_ && log_.bytes_on_disk() > log_bytes_max_) {
    until = std::max(until, let_go());
  }
  log_.trim(until);
}

// Of those who are not there: who only is slow gets it as long as it takes.
Position MeshSide::let_go() {
  std::vector<std::string> away;
  for (const auto& [node, holding] : replication_.holdings().all()) {
    if (!holding.disk.includes(checkpoint_merged_)) away.push_back(node);
  }
  for (const mesh::Mesh::Peer& peer : mesh_.peers()) {
    if (peer.connected && std::ranges::find(away, peer.node) != away.end()) return {};
  }
  const Position until = replication_.let_go(checkpointed_, checkpoint_merged_);
  // A node that forgot what it has let go of could take a checkpoint that lacks it.
  if (Status s = save(); !s || until == Position{}) return {};
  logging::warning("the log is no longer kept for {}: when it comes it gets a checkpoint",
                   fmt::join(away, ", "));
  return until;
}

Status MeshSide::gives(const eventual::VersionVector& merged) {
  replication_.gives(merged);
  return save();
}

Status MeshSide::builds_on(const eventual::VersionVector& merged) {
  if (!replication_.can_build_on(merged))
    return fail(Code::unavailable, "it lacks what this node's log no longer has, too");
  replication_.builds_on(merged);
  // Whoever gives it knows the members.
  for (const std::string& one : std::exchange(placeholders_, {})) replication_.remove(one);
  return save();
}

bool MeshSide::needs_checkpoint(Monotonic now) {
  // Another peer may still have it, and be about to send it.
  return has_lasted(has_data() && replication_.needs_checkpoint(), missing_max, now,
                    missing_since_);
}

}  // namespace holdfast::node
