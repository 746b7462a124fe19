// SPDX-License-Identifier: Apache-2.0
#include "mesh/checkpoint_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "base/logging.h"
#include "mesh/checkpoint_stream.h"
#include "mesh/link.h"

namespace holdfast::mesh {
namespace {

constexpr Millis between_reports{2'000};
constexpr Millis look_up{100};  // at `cancel`, in a pause
constexpr double mebibyte = 1024.0 * 1024.0;

Monotonic now() {
  return std::chrono::steady_clock::now();
}

/// Gathers rows and commits them when they are many. An error here is this
/// node's own trouble: no other peer would help.
class Staging {
 public:
  explicit Staging(Store& store) : store_(store) {}

  Status put(Family family, std::string_view key, std::string_view value) {
    if (rows_.bytes() > 0 &&
        rows_.bytes() + key.size() + value.size() > limits::mesh_checkpoint_batch_bytes) {
      if (Status s = commit(); !s) return s;
    }
    rows_.put(family, key, value);
    return {};
  }
  Status commit() {
    if (rows_.bytes() == 0) return {};
    touched_ = true;
    return keep(store_.commit(std::exchange(rows_, CheckpointRows())));
  }

  /// Forgets what has come, for another peer to begin anew.
  Status clear() {
    rows_ = {};
    if (!std::exchange(touched_, false)) return {};
    CheckpointRows erased;
    for (std::size_t i = 0; i < family_count; ++i) {
      const auto family = static_cast<Family>(i);
      for (int first = 0; first < 0xFF; ++first) {
        erased.erase_prefix(family, std::string(1, static_cast<char>(first)));
      }
      // No prefix's end covers these; a keyspace's id is not that large.
      const Status scanned =
          store_.scan(family, "\xFF", "\xFF", [&](std::string_view key, std::string_view) {
            erased.erase(family, key);
            return true;
          });
      if (!scanned) return keep(scanned);
    }
    return keep(store_.commit(std::move(erased)));
  }
  /// Whether the store, not the peer, has failed.
  bool failed() const { return failed_; }

 private:
  Status keep(Status status) {
    failed_ = failed_ || !status;
    return status;
  }
  Store& store_;
  CheckpointRows rows_;
  bool touched_ = false;
  bool failed_ = false;
};

/// Tells a person how far it is.
class Progress {
 public:
  void report(const std::string& peer, const CheckpointReader& reader) {
    const Monotonic at = now();
    if (at - reported_ < between_reports || !reader.begun()) return;
    const Totals& totals = reader.totals();
    const double seconds = std::chrono::duration<double>(at - reported_).count();
    const double rate = static_cast<double>(totals.bytes - bytes_) / mebibyte / seconds;
    // An estimate: of all rows, where only some are sent, and of those erased, too.
    const std::uint64_t all = std::max<std::uint64_t>(reader.begun()->rows_estimate, 1);
    const double share =
        std::min(99.0, 100.0 * static_cast<double>(totals.rows) / static_cast<double>(all));
    logging::info("loading the checkpoint from {}: {:.0f}%, {} rows, {:.0f} MiB, {:.1f} MiB/s",
                  peer, share, totals.rows, static_cast<double>(totals.bytes) / mebibyte, rate);
    reported_ = at;
    bytes_ = totals.bytes;
  }

 private:
  Monotonic reported_ = now();
  std::uint64_t bytes_ = 0;
};

class Fetch {
 public:
  Fetch(const FetchOptions& options, Store& staging)
      : options_(options), staging_(staging), until_(now() + options.overall_max) {}

  Result<FetchedCheckpoint> run() {
    std::vector<std::string> peers = options_.peers;
    for (int round = 0; !peers.empty() && round < options_.rounds_max; ++round) {
      if (round > 0) pause();
      said_.clear();
      for (std::size_t i = 0; i < peers.size();) {
        if (over()) return given_up();
        auto fetched = from(peers[i]);
        if (fetched) return fetched;
        logging::warning("no checkpoint from {}: {}", peers[i], fetched.error().message);
        if (staging_.failed()) return fetched;
        const std::string said = fmt::format("; {}: {}", peers[i], fetched.error().message);
        if (Status s = staging_.clear(); !s) return tl::unexpected(s.error());
        // A peer that refuses this node will do so again.
        if (fetched.error().code == Code::err) {
          refused_ += said;
          peers.erase(peers.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
          said_ += said;
          ++i;
        }
      }
    }
    return given_up();
  }

 private:
  bool cancelled() const { return options_.cancel != nullptr && *options_.cancel; }
  bool over() const { return cancelled() || now() >= until_; }

  Result<FetchedCheckpoint> given_up() const {
    if (cancelled()) return fail(Code::unavailable, "loading a checkpoint was cancelled");
    return fail(Code::unavailable, "no peer gave a checkpoint" + refused_ + said_);
  }

  void pause() const {
    const Monotonic end = now() + options_.pause;
    while (now() < end && !over()) std::this_thread::sleep_for(std::min(look_up, options_.pause));
  }

  /// Says what is wanted, and signs in; what is to be read with.
  Result<FrameReader> greet(Link& link, const Patience& patience) const {
    FrameWriter frames;
    std::string out;
    const Hello hello{.purpose = options_.whole ? Purpose::whole_checkpoint : Purpose::checkpoint,
                      .cluster = options_.cluster,
                      .node = options_.node,
                      .origin = options_.origin,
                      .nonce = options_.secret.empty() ? std::string() : make_nonce()};
    put_hello(frames, out, hello);
    if (Status s = link.write(out, patience); !s) return tl::unexpected(s.error());
    FrameReader reader;
    if (options_.secret.empty()) return reader;
    while (true) {
      const auto frame = reader.next();
      if (!frame) return tl::unexpected(frame.error());
      if (*frame) {
        if ((*frame)->type == FrameType::error) return tl::unexpected(read_error(**frame));
        if ((*frame)->type != FrameType::challenge)
          return fail(Code::err, "it does not sign in with the cluster's secret");
        const std::string nonce((*frame)->body);
        frames.sign(options_.secret.key(End::dialer, encode(hello), nonce));
        reader.sign(options_.secret.key(End::accepter, encode(hello), nonce));
        out.clear();
        frames.put(out, FrameType::signed_in, {});
        if (Status s = link.write(out, patience); !s) return tl::unexpected(s.error());
        return reader;
      }
      const auto n = link.read(reader.room(), patience);
      if (!n) return tl::unexpected(n.error());
      if (*n == 0) return fail(Code::unavailable, "it closed the connection");
      reader.received(*n);
    }
  }

  Result<FetchedCheckpoint> from(const std::string& peer) {
    const auto endpoint = resolve(peer);
    if (!endpoint) return tl::unexpected(endpoint.error());
    Patience patience{.idle = options_.connect_max, .until = until_, .cancel = options_.cancel};
    auto link = Link::connect(*endpoint, patience, tls::Channel::dialing(options_.tls.get()));
    if (!link) return tl::unexpected(link.error());
    patience.idle = options_.idle_max;

    auto frames = greet(*link, patience);
    if (!frames) return tl::unexpected(frames.error());

    CheckpointReader reader(
        [this](Family family, std::string_view key, std::string_view value) {
          return staging_.put(family, key, value);
        },
        std::move(*frames));
    Progress progress;
    while (!reader.ended()) {
      const auto n = link->read(reader.room(), patience);
      if (!n) return tl::unexpected(n.error());
      if (*n == 0) return tl::unexpected(reader.closed().error());
      if (Status s = reader.received(*n); !s) return tl::unexpected(s.error());
      progress.report(peer, reader);
    }
    // The connection stays until all is stored: its end tells the peer so.
    if (Status s = staging_.commit(); !s) return tl::unexpected(s.error());
    const Totals& totals = reader.totals();
    const Position position = reader.begun()->position;
    logging::info("loaded the checkpoint of position {} from {}: {} rows of {} bytes",
                  position.value, peer, totals.rows, totals.bytes);
    return FetchedCheckpoint{
        .position = position, .peer = peer, .rows = totals.rows, .bytes = totals.bytes};
  }

  const FetchOptions& options_;
  Staging staging_;
  Monotonic until_;
  std::string refused_;  // what peers said that are asked no more
  std::string said_;     // and the others, in the last round
};

}  // namespace

Result<FetchedCheckpoint> fetch_checkpoint(const FetchOptions& options, Store& staging) {
  return Fetch(options, staging).run();
}

}  // namespace holdfast::mesh
