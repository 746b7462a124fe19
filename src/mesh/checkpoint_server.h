// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "mesh/checkpoint_stream.h"
#include "mesh/link.h"
#include "table/store.h"

namespace holdfast::mesh {

/// A checkpoint to be sent.
struct CheckpointSource {
  std::unique_ptr<StoreSnapshot> snapshot;
  Position position;  // of the shared log, that it includes
  /// Which rows are sent. Called on the stream's thread.
  std::function<bool(Family family, std::string_view key)> wanted;
};

/// Where other nodes connect. Sends this node's checkpoint to those that ask for
/// it, and hands those over that come to replicate. Greetings are read on
/// the thread that runs the io_context; rows are read and sent on a thread of
/// each stream's own, so that a slow disk or receiver delays nobody else. The
/// io_context outlives it and does not run after it is gone.
class CheckpointServer {
 public:
  struct Options {
    std::string cluster;
    std::string node;
    /// Gives what to send; the node keeps the log behind it until `end`. On the
    /// io_context's thread. An error is told to whoever asked.
    std::function<Result<CheckpointSource>(const Hello& hello)> begin;
    /// Once for each `begin` that gave one, however the stream ended. `whole`:
    /// all was sent, and taken. On the io_context's thread, or in the destructor.
    std::function<void(bool whole)> end;
    /// Where it is not empty, who greets must have it.
    Secret secret;
    std::shared_ptr<const TlsIdentity> tls;  // who connects must show a certificate
    /// Whether who greets may have it. May be empty.
    std::function<Status(const Hello& hello)> admit;
    /// Takes over a connection whose greeting asks for replication, with what was
    /// read of it behind the greeting. May be empty: none is wanted.
    std::function<void(boost::asio::ip::tcp::socket, Channel, FrameReader, FrameWriter,
                       const Hello&)>
        replicate;
    /// What is answered to who asks who is here. May be empty: nothing is.
    std::function<Result<Hello>(const Hello& by)> probe;
    Millis stall_max = std::chrono::seconds(limits::mesh_stall_seconds_max);
    Millis hello_max = std::chrono::seconds(limits::mesh_hello_seconds_max);
  };
  CheckpointServer(boost::asio::io_context& io, Options options);
  ~CheckpointServer();

  /// "HOST:PORT", IPv6 in brackets; port 0 takes any free one.
  Status listen(std::string_view address, Reach reach = Reach::loopback);
  std::string address() const;
  /// Takes no more connections; streams under way go on.
  void stop_accepting();

  struct Counters {
    std::uint64_t streams = 0;  // under way
    std::uint64_t streams_begun = 0;
    std::uint64_t streams_whole = 0;
    std::uint64_t refused = 0;  // busy, strangers, and what is no greeting
    std::uint64_t bytes_sent = 0;
  };
  Counters counters() const;

 private:
  struct Connection;
  using Held = std::shared_ptr<Connection>;

  void accept_when_ready();
  void accept_some();
  void read(const Held& connection);
  void read_frames(const Held& connection);
  bool take(const Held& connection, const Frame& frame);
  bool say(const Held& connection, std::string bytes);
  void challenge(const Held& connection);
  void refuse_stranger(const Held& connection, const std::string& why);
  void greeted(const Held& connection, const Hello& hello);
  Status may_greet(const Hello& hello) const;
  Status may_begin(const Hello& hello) const;
  void hand_over(const Held& connection, const Hello& hello);
  void answer(const Held& connection, const Hello& hello);
  void refuse(const Held& connection, Refusal refusal, const std::string& text);
  void start(const Held& connection, CheckpointSource source);
  void stream_ended(const Held& connection);
  void drop(const Held& connection);
  void schedule_tick();

  boost::asio::io_context& io_;
  Options options_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  boost::asio::ip::tcp::endpoint endpoint_;
  bool accept_paused_ = false;
  std::vector<Held> connections_;
  Counters counters_;
};

}  // namespace holdfast::mesh
