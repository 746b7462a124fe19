// SPDX-License-Identifier: Apache-2.0
#include "mesh/checkpoint_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "base/logging.h"
#include "mesh/socket_transport.h"

namespace holdfast::mesh {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr int accepts_per_turn_max = 16;
constexpr std::size_t wire_bytes = 4 * 1024;         // read at once, where it is not plain
constexpr Millis sign_of_life{5'000};                // while rows that are not sent are passed over
constexpr std::uint64_t rows_between_looks = 1'024;  // at the clock and at `stop`
constexpr Family families_sent[] = {Family::meta, Family::table, Family::ids, Family::open};

Monotonic now() {
  return std::chrono::steady_clock::now();
}

/// Sends a checkpoint, on the stream's thread.
class Sender {
 public:
  Sender(Link& link, FrameWriter frames, CheckpointSource& source, const Patience& patience,
         std::atomic<std::uint64_t>& sent)
      : source_(source),
        patience_(patience),
        writer_(
            [this, &link, &sent](std::string_view frame) {
              last_sent_ = now();
              return link.write(frame, patience_, &sent);
            },
            frames) {}

  Status run(const std::string& node) {
    if (Status s = writer_.begin({.node = node,
                                  .position = source_.position,
                                  .rows_estimate = source_.snapshot->rows_estimate()});
        !s) {
      return s;
    }
    for (const Family family : families_sent) {
      if (Status s = send(family); !s) {
        // Where it is the receiver's connection that failed, this fails, too.
        writer_.error(Refusal::failed, s.error().message);
        return s;
      }
    }
    return writer_.end();
  }
  const Totals& totals() const { return writer_.totals(); }

 private:
  // A scan holds up a store that is to be opened anew, and a row's bytes are good
  // only within it: so it ends before what does not fit is sent.
  Status send(Family family) {
    std::string from;
    bool more = true;
    while (more) {
      more = false;
      Status status;
      gathered_.clear();
      Status scanned =
          source_.snapshot->scan(family, from, [&](std::string_view key, std::string_view value) {
            if (gathered_.size() >= limits::mesh_frame_bytes_max ||
                ++looked_at_ % rows_between_looks == 0) {
              from = key;
              more = true;
              return false;
            }
            if (source_.wanted(family, key)) gather(key, value);
            return true;
          });
      if (!scanned) return scanned;
      if (Status s = pass_on(family); !s) return s;
      if (*patience_.cancel) return fail(Code::unavailable, "cancelled");
      if (now() - last_sent_ >= sign_of_life) {
        if (Status s = writer_.flush(); !s) return s;
      }
    }
    return {};
  }

  void gather(std::string_view key, std::string_view value) {
    gathered_.append(key).append(value);
    borders_.emplace_back(key.size(), value.size());
  }

  Status pass_on(Family family) {
    std::string_view left = gathered_;
    for (const auto& [key_bytes, value_bytes] : std::exchange(borders_, {})) {
      const std::string_view key = left.substr(0, key_bytes);
      const std::string_view value = left.substr(key_bytes, value_bytes);
      left.remove_prefix(key_bytes + value_bytes);
      if (Status s = writer_.row(family, key, value); !s) return s;
    }
    // One large row is no reason to keep its room.
    if (gathered_.capacity() > 4 * limits::mesh_frame_bytes_max) gathered_ = {};
    return {};
  }

  CheckpointSource& source_;
  Patience patience_;
  Monotonic last_sent_ = now();
  CheckpointWriter writer_;
  std::string gathered_;  // rows, one behind the other
  std::vector<std::pair<std::size_t, std::size_t>> borders_;
  std::uint64_t looked_at_ = 0;
};

}  // namespace

struct CheckpointServer::Connection {
  Connection(tcp::socket accepted, tls::Channel between, Millis hello_max)
      : socket(std::move(accepted)), channel(std::move(between)), hello_until(now() + hello_max) {}

  tcp::socket socket;  // until the stream begins
  tls::Channel channel;
  std::array<char, wire_bytes> wire;  // as it came, where the channel is not plain
  FrameReader frames{limits::mesh_hello_bytes_max};
  FrameWriter writer;
  std::optional<Hello> hello;
  std::string greeting;  // its bytes, as they were sent
  Monotonic hello_until;
  std::string asker;
  bool dropped = false;

  // Of the stream.
  std::optional<Link> link;
  CheckpointSource source;
  std::thread thread;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> sent{0};
  Status outcome;  // the thread's, read once it has ended
  Totals totals;
};

CheckpointServer::CheckpointServer(boost::asio::io_context& io, Options options)
    : io_(io), options_(std::move(options)), acceptor_(io), timer_(io) {}

CheckpointServer::~CheckpointServer() {
  for (const Held& connection : connections_) {
    if (!connection->link) continue;
    connection->stop = true;
    connection->link->shut_down();
  }
  while (!connections_.empty()) {
    const Held connection = connections_.back();
    if (connection->link) {
      stream_ended(connection);
    } else {
      drop(connection);
    }
  }
}

Status CheckpointServer::listen(std::string_view address, Reach reach) {
  const auto endpoint = resolve(address);
  if (!endpoint) return tl::unexpected(endpoint.error());
  if (reach == Reach::loopback && !endpoint->address().is_loopback()) {
    return fail(Code::err, fmt::format("{}: refusing to listen beyond loopback, where nodes do not "
                                       "sign in with each other (--cluster-secret-file)",
                                       address));
  }
  error_code error;
  acceptor_.open(endpoint->protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.non_blocking(true, error);
  if (!error) acceptor_.bind(*endpoint, error);
  if (!error) acceptor_.listen(static_cast<int>(limits::mesh_connections_max), error);
  if (error) {
    stop_accepting();
    return fail(Code::err,
                fmt::format("cannot listen on {}: {}", text_of(*endpoint), error.message()));
  }
  endpoint_ = acceptor_.local_endpoint();
  accept_when_ready();
  schedule_tick();
  return {};
}

std::string CheckpointServer::address() const {
  return text_of(endpoint_);
}

void CheckpointServer::stop_accepting() {
  error_code ignored;
  acceptor_.close(ignored);
}

CheckpointServer::Counters CheckpointServer::counters() const {
  Counters counters = counters_;
  for (const Held& connection : connections_) counters.bytes_sent += connection->sent;
  return counters;
}

void CheckpointServer::accept_when_ready() {
  acceptor_.async_wait(tcp::acceptor::wait_read, [this](const error_code& error) {
    if (error || !acceptor_.is_open()) return;
    accept_some();
    if (!accept_paused_) accept_when_ready();
  });
}

void CheckpointServer::accept_some() {
  for (int i = 0; i < accepts_per_turn_max; ++i) {
    error_code error;
    tcp::socket socket(io_);
    acceptor_.accept(socket, error);
    if (error == boost::asio::error::would_block) return;
    if (error == boost::asio::error::connection_aborted) continue;
    if (error) {
      logging::warning("cannot accept nodes for a second: {}", error.message());
      accept_paused_ = true;
      return;
    }
    if (connections_.size() >= limits::mesh_connections_max) {
      ++counters_.refused;
      continue;
    }
    socket.non_blocking(true, error);
    connections_.push_back(std::make_shared<Connection>(
        std::move(socket), tls::Channel::accepting(options_.tls.get()), options_.hello_max));
    read(connections_.back());
  }
}

void CheckpointServer::read(const Held& connection) {
  const bool plain = connection->channel.is_plain();
  const std::span<char> room = plain ? connection->frames.room() : connection->wire;
  connection->socket.async_read_some(
      boost::asio::buffer(room.data(), room.size()),
      [this, connection, plain](const error_code& error, std::size_t n) {
        if (connection->dropped) return;
        if (error) return drop(connection);
        if (plain) {
          connection->frames.received(n);
        } else {
          connection->channel.feed({connection->wire.data(), n});
        }
        read_frames(connection);
      });
}

void CheckpointServer::read_frames(const Held& connection) {
  while (true) {
    const auto frame = connection->frames.next();
    if (!frame) return refuse_stranger(connection, frame.error().message);
    if (*frame) {
      if (!take(connection, **frame)) return;
      continue;
    }
    if (connection->channel.is_plain()) return read(connection);
    const auto more = connection->channel.read(connection->frames.room());
    if (connection->channel.has_output() && !say(connection, {})) return;
    if (!more) return refuse_stranger(connection, more.error().message);
    if (*more == 0) return read(connection);
    connection->frames.received(*more);
  }
}

// A greeting's answers are a few bytes, and a certificate some thousand: the socket's
// buffer is empty and takes them whole, or not at all. False: the connection is dropped.
bool CheckpointServer::say(const Held& connection, std::string bytes) {
  connection->channel.seal(bytes);
  error_code failed;
  if (!bytes.empty()) connection->socket.write_some(boost::asio::buffer(bytes), failed);
  if (failed) drop(connection);
  return !failed;
}

// False: no more frames are wanted here.
bool CheckpointServer::take(const Held& connection, const Frame& frame) {
  if (connection->hello) {
    if (frame.type == FrameType::signed_in) {
      greeted(connection, *connection->hello);
    } else {
      refuse_stranger(connection, "it does not sign in");
    }
    return false;
  }
  auto hello = mesh::read_hello(frame);
  if (!hello) {
    refuse_stranger(connection, hello.error().message);
    return false;
  }
  connection->asker = hello->node;
  if (options_.secret.empty()) {
    greeted(connection, *hello);
    return false;
  }
  if (Status s = may_greet(*hello); !s) {
    refuse(connection, Refusal::refused, s.error().message);
    return false;
  }
  if (hello->nonce.empty()) {
    refuse(connection, Refusal::refused, "this cluster's nodes sign in with its secret");
    return false;
  }
  connection->hello = std::move(*hello);
  connection->greeting = frame.body;
  challenge(connection);
  return !connection->dropped;
}

void CheckpointServer::challenge(const Held& connection) {
  const std::string nonce = make_nonce();
  std::string out;
  connection->writer.put(out, FrameType::challenge, nonce);
  connection->writer.sign(options_.secret.key(End::accepter, connection->greeting, nonce));
  connection->frames.sign(options_.secret.key(End::dialer, connection->greeting, nonce));
  say(connection, std::move(out));
}

void CheckpointServer::refuse_stranger(const Held& connection, const std::string& why) {
  logging::warning("refusing a connection that is no node's: {}", why);
  ++counters_.refused;
  drop(connection);
}

Status CheckpointServer::may_greet(const Hello& hello) const {
  if (const auto version = common_version(hello); !version) return tl::unexpected(version.error());
  if (hello.cluster != options_.cluster) {
    return fail(Code::err, fmt::format("this node is of cluster {}", options_.cluster));
  }
  // Who does not know who is here may find itself.
  if (hello.node == options_.node && hello.purpose != Purpose::probe) {
    return fail(Code::err, fmt::format("{} is this node's own id: two nodes have it", hello.node));
  }
  if (options_.admit) {
    if (Status s = options_.admit(hello); !s) return s;
  }
  return {};
}

Status CheckpointServer::may_begin(const Hello& hello) const {
  if (Status s = may_greet(hello); !s) return s;
  if (hello.purpose == Purpose::replication) {
    if (options_.replicate) return {};
    return fail(Code::err, "this node does not replicate");
  }
  if (hello.purpose == Purpose::probe) {
    if (options_.probe) return {};
    return fail(Code::err, "this node does not say who it is");
  }
  if (counters_.streams >= limits::mesh_streams_max) {
    return fail(Code::busy, "this node sends as many checkpoints as it may at once");
  }
  return {};
}

void CheckpointServer::greeted(const Held& connection, const Hello& hello) {
  if (Status s = may_begin(hello); !s) {
    return refuse(connection, s.error().code == Code::busy ? Refusal::busy : Refusal::refused,
                  s.error().message);
  }
  if (hello.purpose == Purpose::replication) return hand_over(connection, hello);
  if (hello.purpose == Purpose::probe) return answer(connection, hello);
  auto source = options_.begin(hello);
  if (!source) {
    return refuse(connection, source.error().code == Code::busy ? Refusal::busy : Refusal::failed,
                  source.error().message);
  }
  start(connection, std::move(*source));
}

void CheckpointServer::hand_over(const Held& connection, const Hello& hello) {
  FrameReader frames = std::move(connection->frames);
  FrameWriter writer = connection->writer;
  frames.allow(limits::mesh_frame_bytes_max);
  tcp::socket socket = std::move(connection->socket);
  tls::Channel channel = std::move(connection->channel);
  drop(connection);
  options_.replicate(make_socket_stream(std::move(socket)), std::move(channel), std::move(frames),
                     writer, hello);
}

void CheckpointServer::answer(const Held& connection, const Hello& hello) {
  const auto answer = options_.probe(hello);
  if (!answer) return refuse(connection, Refusal::failed, answer.error().message);
  std::string out;
  put_hello(connection->writer, out, *answer);
  if (say(connection, std::move(out))) drop(connection);
}

void CheckpointServer::refuse(const Held& connection, Refusal refusal, const std::string& text) {
  ++counters_.refused;
  logging::info("refusing node {}: {}", connection->asker, text);
  std::string out;
  put_error(connection->writer, out, refusal, text);
  if (say(connection, std::move(out))) drop(connection);
}

void CheckpointServer::start(const Held& connection, CheckpointSource source) {
  HF_ASSERT(source.snapshot && source.wanted);
  ++counters_.streams;
  ++counters_.streams_begun;
  connection->source = std::move(source);
  connection->link.emplace(connection->socket.release(), std::move(connection->channel));
  logging::info("sending node {} the checkpoint of position {}", connection->asker,
                connection->source.position.value);
  connection->thread = std::thread([this, connection] {
    Connection& stream = *connection;
    const Patience patience{.idle = options_.stall_max, .cancel = &stream.stop};
    {
      Sender sender(*stream.link, stream.writer, stream.source, patience, stream.sent);
      stream.outcome = sender.run(options_.node);
      stream.totals = sender.totals();
    }
    stream.source.snapshot.reset();  // what it keeps on the disk goes here, not on the other thread
    if (stream.outcome) {
      // The receiver closes when it has checked and stored all.
      char byte = 0;
      const auto closed = stream.link->read({&byte, 1}, patience);
      if (!closed) stream.outcome = tl::unexpected(closed.error());
      if (closed && *closed > 0) stream.outcome = fail(Code::corrupt, "it went on talking");
    }
    boost::asio::post(io_, [this, connection] { stream_ended(connection); });
  });
}

void CheckpointServer::stream_ended(const Held& connection) {
  if (!connection->thread.joinable()) return;  // the destructor was there first
  connection->thread.join();
  const bool whole = connection->outcome.has_value();
  --counters_.streams;
  counters_.bytes_sent += connection->sent.exchange(0);
  if (whole) {
    ++counters_.streams_whole;
    logging::info("sent node {} the checkpoint: {} rows of {} bytes", connection->asker,
                  connection->totals.rows, connection->totals.bytes);
  } else {
    logging::warning("the checkpoint did not reach node {}: {}", connection->asker,
                     connection->outcome.error().message);
  }
  drop(connection);
  if (options_.end) options_.end(whole);
}

void CheckpointServer::drop(const Held& connection) {
  error_code ignored;
  if (connection->socket.is_open()) connection->socket.close(ignored);
  connection->dropped = true;
  std::erase(connections_, connection);
}

void CheckpointServer::schedule_tick() {
  timer_.expires_after(std::chrono::milliseconds(500));
  timer_.async_wait([this](const error_code& error) {
    if (error) return;
    if (std::exchange(accept_paused_, false) && acceptor_.is_open()) accept_when_ready();
    const Monotonic at = now();
    const auto held = connections_;
    for (const Held& connection : held) {
      if (connection->link || at < connection->hello_until) continue;
      ++counters_.refused;
      drop(connection);
    }
    schedule_tick();
  });
}

}  // namespace holdfast::mesh
