// SPDX-License-Identifier: Apache-2.0
#include "node/peers.h"

#include <fmt/ranges.h>

#include <utility>

#include "base/logging.h"
#include "base/wire.h"
#include "node/checkpoint_keys.h"
#include "node/peer_checkpoint.h"

namespace holdfast::node {
namespace {

constexpr Millis address_timeout{5'000};
constexpr Millis pause_between_tries{200};
constexpr Millis look_interval{500};
// A newcomer waits for a checkpoint by asking again and again, each peer in turn.
constexpr Millis newcomer_asks_again{60'000};
// What follows a checkpoint is kept for so long after it was sent, until who
// received it has opened it and joined.
constexpr Millis time_to_join{15'000};

}  // namespace

Peers::Peers(const Parts& parts)
    : environment_(parts.environment),
      options_(parts.options),
      credentials_(parts.credentials),
      store_(parts.store),
      mesh_(parts.mesh),
      checkpointer_(parts.checkpointer),
      membership_(parts.membership),
      reception_(environment_.make_reception(reception())) {
  if (!parts.api) return;
  addresses_.emplace(environment_, parts.api, options_.cluster, options_.node);
  presence_.emplace(*parts.api, options_.cluster, options_.node,
                    environment_.instance(options_.data));
}

mesh::Reception::Options Peers::reception() {
  return {.cluster = options_.cluster,
          .node = options_.node,
          .begin = [this](const mesh::Hello& hello) { return begin(hello); },
          .end =
              [this](bool) {
                --streams_;
                hold_until_ = environment_.now() + time_to_join;
              },
          .secret = credentials_.secret,
          .tls = credentials_.mesh,
          .admit = {},
          .replicate =
              [this](std::unique_ptr<mesh::ByteStream> stream, tls::Channel channel,
                     mesh::FrameReader reader, mesh::FrameWriter writer, const mesh::Hello& hello) {
                if (mesh_.mesh().admits() && !mesh_.mesh().is_taken(hello))
                  mesh_.mesh().adopt(std::move(stream), std::move(channel), std::move(reader),
                                     writer, hello);
              },
          .probe = [this](const mesh::Hello& by) { return mesh_.asked(by); }};
}

Status Peers::listen() {
  const bool safe = options_.trust_network || !credentials_.none();
  if (Status s =
          reception_->listen(options_.mesh, safe ? mesh::Reach::anywhere : mesh::Reach::loopback);
      !s) {
    return s;
  }
  mesh_.set_place(address());
  return {};
}

std::string Peers::address() const {
  return options_.mesh_advertise.empty() ? reception_->address() : options_.mesh_advertise;
}

std::optional<std::string> Peers::other_with_id() const {
  if (!presence_ || presence_->state() != etcd::Presence::State::taken) return std::nullopt;
  return presence_->holder();
}

void Peers::tick() {
  step();
  if (!addresses_) return;
  addresses_->publish(address());
  const Monotonic now = environment_.now();
  if (streams_ == 0 && now > hold_until_) membership_->release();
  if (now >= look_at_ && mesh_.wants_addresses()) {
    look_at_ = now + look_interval;
    addresses_->look(
        [this](const std::vector<std::string>& others) { mesh_.set_addresses(others); });
  }
}

// What members settle among themselves they fold, and then cannot merge it with
// what somebody wrote who had not seen it. So a node that comes without data is
// counted in first, and gets a checkpoint that was begun after that: all that is
// settled without it is in there.
Status Peers::admit(const mesh::Hello& hello) {
  const Monotonic now = environment_.now();
  const auto [it, added] = newcomers_.try_emplace({hello.node, hello.origin});
  Newcomer& newcomer = it->second;
  const std::uint64_t written = checkpointer_.counters().completed;
  // One that comes again has been elsewhere, or away: what it needs now is newer.
  if (added || now - newcomer.asked_at > newcomer_asks_again) {
    if (Status s = mesh_.admit(hello); !s) {
      newcomers_.erase(it);  // it was not counted in: the next time is the first
      return s;
    }
    newcomer.checkpoints = written + (checkpointer_.running() ? 2 : 1);
  }
  newcomer.asked_at = now;
  if (written >= newcomer.checkpoints) {
    newcomers_.erase(it);
    return {};
  }
  checkpointer_.request();
  return fail(Code::busy, "the checkpoint for it is being written");
}

Result<mesh::CheckpointSource> Peers::begin(const mesh::Hello& hello) {
  const bool whole = hello.purpose == mesh::Purpose::whole_checkpoint;
  if (!mesh_.has_data()) return fail(Code::unavailable, "this node has no data itself");
  if (whole) {
    if (Status s = admit(hello); !s) return tl::unexpected(s.error());
  }
  // The log is held first: a checkpoint that is committed meanwhile only needs less.
  const Position position = membership_ != nullptr ? membership_->durable() : Position{};
  auto snapshot = store_.snapshot();
  if (!snapshot) return tl::unexpected(snapshot.error());
  auto catalog = (*snapshot)->get(Family::meta, checkpoint_key::catalog);
  if (!catalog) return tl::unexpected(catalog.error());
  if (!*catalog) return fail(Code::unavailable, "this node has no checkpoint yet");
  if (whole) {
    auto replica = (*snapshot)->get(Family::meta, checkpoint_key::replica);
    if (!replica) return tl::unexpected(replica.error());
    const auto merged = eventual::Replica::merged_in(replica->value_or(""));
    if (!merged) return tl::unexpected(merged.error());
    if (Status s = mesh_.gives(*merged); !s) return tl::unexpected(s.error());
  }
  auto rows = StrongRows::of(**catalog);
  if (!rows) return tl::unexpected(rows.error());
  ++streams_;
  if (membership_ != nullptr) membership_->hold(position);
  mesh::CheckpointSource source{
      .snapshot = std::move(*snapshot), .position = position, .wanted = std::move(*rows)};
  if (whole) {
    source.wanted = [](Family family, std::string_view key) {
      return family != Family::meta || key != checkpoint_key::origin_position;
    };
  }
  return source;
}

Status Peers::receive(const std::vector<std::string>& peers, bool whole) {
  Status received = fail(Code::unavailable, "there are no other nodes");
  for (const std::string& peer : peers) {
    received = receive_from(peer, whole);
    if (received) break;
  }
  return received;
}

Status Peers::receive_from(const std::string& peer, bool whole) {
  if (Status s = environment_.discard_incoming(options_.data); !s) return s;
  auto staging = environment_.open_store(TableFolders(options_.data).incoming);
  if (!staging) return tl::unexpected(staging.error());
  const auto fetched = environment_.fetch_checkpoint({.peers = {peer},
                                                      .cluster = options_.cluster,
                                                      .node = options_.node,
                                                      .origin = mesh_.origin().value,
                                                      .whole = whole,
                                                      .secret = credentials_.secret,
                                                      .tls = credentials_.mesh,
                                                      .rounds_max = 1},
                                                     **staging);
  if (!fetched) return tl::unexpected(fetched.error());
  logging::info("loaded {} rows, {} bytes, from {}: the {} keyspaces up to position {}",
                fetched->rows, fetched->bytes, fetched->peer,
                whole ? "strong and eventual" : "strong", fetched->position.value);
  if (!whole) return keep_eventual_rows(store_, **staging);
  const auto replica = (*staging)->get(Family::meta, checkpoint_key::replica);
  if (!replica) return tl::unexpected(replica.error());
  const auto merged = eventual::Replica::merged_in(replica->value_or(""));
  if (!merged) return tl::unexpected(merged.error());
  if (Status s = mesh_.builds_on(*merged); !s) return s;
  // What this node's own log still has comes on top.
  CheckpointRows own;
  std::string position;
  wire::put_u64(position, mesh_.log_begin().value);
  own.put(Family::meta, checkpoint_key::origin_position, position);
  return (*staging)->commit(std::move(own));
}

Result<std::vector<std::string>> Peers::others() {
  if (!addresses_) return mesh_.addresses();
  auto others = addresses_->others(address_timeout);
  if (others && others->empty())
    return fail(Code::unavailable, "etcd knows no other node of this cluster");
  return others;
}

Status Peers::load_checkpoint(bool whole, std::optional<int> tries) {
  for (int tried = 1;; ++tried) {
    const auto peers = others();
    Status received;
    if (!peers) {
      received = tl::unexpected(peers.error());
    } else {
      logging::info("loading a checkpoint from one of {}", fmt::join(*peers, ", "));
      received = receive(*peers, whole);
    }
    if (received || tried == tries) return received;
    // Without it there is nothing that this node could serve as it should.
    logging::warning("no checkpoint from a peer yet: {}", received.error().message);
    environment_.pause(pause_between_tries);
  }
}

}  // namespace holdfast::node
