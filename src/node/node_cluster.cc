// SPDX-License-Identifier: Apache-2.0
// A node's part in its cluster: when it may serve, what it says of itself, and when
// it cannot go on as it is.
#include <fmt/ranges.h>

#include <algorithm>

#include "base/logging.h"
#include "log/small_file.h"
#include "node/diverged.h"
#include "node/node.h"

namespace holdfast::node {

// A node without data in a cluster that has eventual ones cannot write to them:
// what the others have settled is not what it has seen. Where it is counted in
// already, what there was when it was decides: since then they wait for it.
bool Node::needs_base() {
  if (has_replica_ || log_->health().state != LogHealth::State::ok) return false;
  const auto& members = keyspaces_->members().all();
  const Member* const own = keyspaces_->members().find(options_.node);
  const bool others = members.size() > (own != nullptr ? 1U : 0U);
  if (own != nullptr && own->folder == origin_log_->id() && !own->needs_base) return false;
  const auto all = keyspaces_->all();
  return others && std::ranges::any_of(all, [](const KeyspaceState* state) {
           return state->guarantee == Guarantee::eventual;
         });
}

void Node::begin_with_data(bool has) {
  if (has_replica_) is_begun_kept_ = true;  // or there are data, which tell it as well
  has_replica_ = has;
  mesh_->set_has_data(has);
  keep_begun();
}

// That it began is kept on disk: were all nodes to start again before any has written, each
// would wait for the data of another. Where the disk is full, once it no longer is.
void Node::keep_begun() {
  if (is_begun_kept_ || !has_replica_) return;
  const Status kept = replace_small_file(environment_->files(), begun_file(), "begun");
  is_begun_kept_ = kept.has_value();
  if (!kept && !std::exchange(cannot_begin_, true))
    logging::error("{} cannot be written: {}", begun_file(), kept.error().message);
}

// Without an engine there is nobody to ask whether there are data but the peers, and
// all of them: what those have settled whom this node cannot reach it has not seen.
void Node::settle_among_peers() {
  switch (mesh_->mesh().found()) {
    case mesh::Mesh::Found::data:
      logging::info("a peer has data: starting again, to load them");
      wants_restart_ = Restart::load_base;
      stopping_ = true;
      return;
    case mesh::Mesh::Found::none:
      logging::info("no peer has data: beginning with none, together");
      return begin_with_data(true);
    case mesh::Mesh::Found::unknown: {
      std::vector<std::string> silent;
      for (const auto& peer : mesh_->mesh().peers()) {
        if (peer.node.empty()) silent.push_back(peer.address);
      }
      std::string why = fmt::format(
          "this node is new, and has to hear first whether there are data: of {} (or --bootstrap)",
          fmt::join(silent, ", "));
      if (!silent.empty() && why != waiting_for_) {
        waiting_for_ = std::move(why);
        logging::info("{}", waiting_for_);
      }
      return;
    }
  }
}

// Once it has joined, everyone who hears of an eventual keyspace that is made
// later has heard of this node before.
void Node::settle_replica() {
  if (!engine_.shared()) return settle_among_peers();
  if (!membership_->joined()) return;
  if (needs_base()) {
    logging::info("joined a cluster with eventual keyspaces: starting again, to load them");
    wants_restart_ = Restart::again;
    stopping_ = true;
    return;
  }
  begin_with_data(true);
}

Status Node::eventual_ready() const {
  if (has_replica_) return {};
  return fail(Code::unavailable, !waiting_for_.empty()
                                     ? waiting_for_
                                     : "this node is new here, and has yet to join the cluster");
}

std::string Node::id_is_taken(std::string_view by) const {
  return fmt::format(
      "another node that runs has the id '{}': {}. Each node needs an id of its own"
      " (--node), and a data folder that is no copy of another's",
      options_.node, by);
}

void Node::append_own(const CatalogOperation& operation,
                      std::function<void(std::string_view)> done) {
  const auto args = operation.args();
  const strong::EntryBuilder::Part part{operation.row, args};
  append_own({.keyspace = {},
              .caller = operation.caller,
              .request_id = {},
              .calls = std::span(&part, 1),
              .durability = Durability::always},
             std::move(done));
}

void Node::append_own(const strong::Sequencer::Write& write,
                      std::function<void(std::string_view)> done) {
  const Ticket ticket = replies_->own(std::move(done));
  const Status taken = sequencer_->write(write, ticket, requests_->monotonic());
  if (taken) return;
  std::string text;
  Reply(text).error(taken.error());
  late_.emplace_back(ticket, std::move(text));
}

void Node::run_own(const server::Request& request, std::function<void(std::string_view)> done) {
  const Ticket ticket = replies_->own(std::move(done));
  std::string text;
  Reply reply(text);
  const auto path = requests_->route(request);
  if (!path) {
    reply.error(path.error());
  } else if (!requests_->submit(request, ticket, *path, reply)) {
    return;
  }
  late_.emplace_back(ticket, std::move(text));  // good when the turn has ended
}

void Node::confirm(std::function<void(bool)> done) {
  const Ticket ticket = replies_->own(
      [done = std::move(done)](std::string_view reply) { done(!reply.starts_with('-')); });
  std::string text;
  Reply reply(text);
  const auto ok = [](Reply& to) { to.ok(); };
  const bool now = sequencer_->read(false, ticket, requests_->monotonic(), reply, ok,
                                    [&ok] { return strong::ReadNow(ok); });
  if (now) late_.emplace_back(ticket, std::move(text));
}

void Node::append_for(Ticket ticket, const CatalogOperation& operation,
                      std::function<std::string(std::string_view)> answer) {
  append_own(operation, [this, ticket, answer = std::move(answer)](std::string_view reply) {
    replies_->complete(ticket, answer(reply), Replay::none);
  });
}

std::string_view Node::name_of(ServiceId service) const {
  const Service* const found = keyspaces_->services().find(service);
  return found == nullptr ? std::string_view() : std::string_view(found->name);
}

std::string Node::draw_token() {
  TokenBits bits;
  for (std::uint64_t& part : bits) part = environment_->random();
  return make_token(bits);
}

NodeFacts Node::facts() const {
  return {.id = options_.node,
          .engine = engine_.strong() ? options_.engine : std::string("none"),
          .applied = machine_->applied(),
          .state = not_ready().value_or("ok"),
          .behind = behind()};
}

// Its next operations would have the names of others that it has written before.
Status Node::rolled_back() const {
  return fail(Code::corrupt,
              fmt::format("the data in {} are older than what others have of this node (a copy, or "
                          "restored from one?): remove the folder, and it gets theirs",
                          options_.data));
}

// Ends the run where this node cannot go on as it is.
Status Node::watch_cluster() {
  if (log_->health().state == LogHealth::State::behind) {
    logging::warning("{}: starting again, to load a peer's checkpoint", log_->health().reason);
    wants_restart_ = Restart::again;
    stopping_ = true;
  } else if (mesh_->is_rolled_back()) {
    stopping_ = true;
    return rolled_back();
  } else if (mesh_->needs_checkpoint(requests_->monotonic())) {
    logging::warning(
        "a peer's log no longer has all that this node has missed: starting again, "
        "to load a checkpoint");
    wants_restart_ = Restart::catch_up;
    stopping_ = true;
  } else if (!membership_ && mesh_->id_is_taken(requests_->monotonic())) {
    stopping_ = true;
    return fail(Code::err, id_is_taken("it is connected to others of the cluster"));
  } else if (!membership_ && mesh_->is_removed()) {
    stopping_ = true;
    logging::warning("NODE REMOVE has taken this node out of the cluster: stopping");
  } else if (const auto* stop =
                 membership_ && membership_->stop() ? &*membership_->stop() : nullptr) {
    stopping_ = true;
    if (stop->diverged) {
      mark_diverged(environment_->files(), options_.data, stop->why);
      return fail(Code::corrupt, stop->why);
    }
    logging::warning("{}: stopping", stop->why);
  } else if (const auto& lost = eventual_->lost_merged()) {
    stopping_ = true;
    return tl::unexpected(*lost);
  } else if (const auto other = peers_->other_with_id()) {
    stopping_ = true;
    return fail(Code::err, id_is_taken(*other));
  }
  return {};
}

}  // namespace holdfast::node
