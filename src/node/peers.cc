// SPDX-License-Identifier: Apache-2.0
#include "node/peers.h"

#include <fmt/ranges.h>

#include <boost/asio/ip/host_name.hpp>
#include <filesystem>
#include <thread>
#include <utility>

#include "base/logging.h"
#include "mesh/checkpoint_client.h"
#include "node/checkpoint_keys.h"
#include "node/origin_identity.h"
#include "node/peer_checkpoint.h"

namespace holdfast::node {
namespace {

constexpr Millis address_timeout{5'000};
constexpr Millis pause_between_tries{2'000};
// What follows a checkpoint is kept for so long after it was sent, until who
// received it has opened it and joined.
constexpr Millis time_to_join{15'000};

// Legible, for who finds its id taken; the same at this folder's next start, but
// for one after the machine's.
std::string instance(const std::string& data, std::string_view folder) {
  std::error_code ignored;
  const auto path = std::filesystem::absolute(data, ignored);
  return fmt::format("{} at {} (folder {}, since boot {})", path.string(),
                     boost::asio::ip::host_name(), folder, kernel_boot_id());
}

}  // namespace

Peers::Peers(boost::asio::io_context& io, const Options& options, std::string_view folder,
             std::shared_ptr<etcd::Api> api, Store& store, Membership& membership)
    : options_(options),
      store_(store),
      membership_(membership),
      addresses_(api, options.cluster, options.node),
      presence_(*api, options.cluster, options.node, instance(options.data, folder)),
      server_(io, {.cluster = options.cluster,
                   .node = options.node,
                   .begin = [this] { return begin(); },
                   .end =
                       [this](bool) {
                         --streams_;
                         hold_until_ = std::chrono::steady_clock::now() + time_to_join;
                       },
                   .admit = {}}) {}

Status Peers::listen() {
  return server_.listen(options_.mesh,
                        options_.trust_network ? mesh::Reach::anywhere : mesh::Reach::loopback);
}

std::optional<std::string> Peers::other_with_id() const {
  if (presence_.state() != etcd::Presence::State::taken) return std::nullopt;
  return presence_.holder();
}

void Peers::tick() {
  step();
  addresses_.publish(server_.address());
  if (streams_ == 0 && std::chrono::steady_clock::now() > hold_until_) membership_.release();
}

Result<mesh::CheckpointSource> Peers::begin() {
  // The log is held first: a checkpoint that is committed meanwhile only needs less.
  const Position position = membership_.durable();
  auto snapshot = store_.snapshot();
  if (!snapshot) return tl::unexpected(snapshot.error());
  auto catalog = (*snapshot)->get(Family::meta, checkpoint_key::catalog);
  if (!catalog) return tl::unexpected(catalog.error());
  if (!*catalog) return fail(Code::unavailable, "this node has no checkpoint yet");
  auto rows = StrongRows::of(**catalog);
  if (!rows) return tl::unexpected(rows.error());
  ++streams_;
  membership_.hold(position);
  return mesh::CheckpointSource{
      .snapshot = std::move(*snapshot), .position = position, .wanted = std::move(*rows)};
}

Status Peers::receive(const std::vector<std::string>& peers) {
  const TableFolders folders(options_.data);
  if (Status s = folders.discard_incoming(); !s) return s;
  auto staging = open_rocks_store(folders.incoming);
  if (!staging) return tl::unexpected(staging.error());
  const auto fetched = mesh::fetch_checkpoint(
      {.peers = peers, .cluster = options_.cluster, .node = options_.node}, **staging);
  if (!fetched) return tl::unexpected(fetched.error());
  logging::info("loaded {} rows, {} bytes, from {}: the strong keyspaces up to position {}",
                fetched->rows, fetched->bytes, fetched->peer, fetched->position.value);
  return keep_eventual_rows(store_, **staging);
}

Status Peers::load_checkpoint() {
  while (true) {
    const auto peers = addresses_.others(address_timeout);
    Status received;
    if (!peers) {
      received = tl::unexpected(peers.error());
    } else if (peers->empty()) {
      received = fail(Code::unavailable, "etcd knows no other node of this cluster");
    } else {
      logging::info("loading a checkpoint from one of {}", fmt::join(*peers, ", "));
      received = receive(*peers);
    }
    if (received) return {};
    // Without it there is nothing that this node could serve as it should.
    logging::warning("no checkpoint from a peer yet: {}", received.error().message);
    std::this_thread::sleep_for(pause_between_tries);
  }
}

}  // namespace holdfast::node
