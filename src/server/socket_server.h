// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/ticket.h"
#include "base/units.h"
#include "server/connection.h"
#include "server/front.h"
#include "server/sockets.h"

namespace holdfast::server {

/// A port that clients connect to. Everything on the thread that runs the io_context, whose loop is
///
///     while (running) { io.run_one(); io.poll(); backend.end_of_turn(); server.flush(); }
///
/// The io_context outlives the server and does not run after it is gone.
class SocketServer final : public Front,
                           public ConnectionOwner,
                           public ConversationHost,
                           private Readiness::Watcher {
 public:
  SocketServer(boost::asio::io_context& io, std::unique_ptr<Protocol> protocol, Options options);
  ~SocketServer() override;

  void set_backend(Backend& backend) override;
  Status listen(std::string_view address, Reach reach = Reach::loopback) override;
  bool is_beyond_loopback(std::string_view address) const override;
  std::string address() const override;
  std::uint16_t port() const override { return endpoint_.port(); }
  void flush() override;
  void complete(Ticket ticket, std::string_view canonical_reply, Replay replay) override;
  void stop_accepting() override;
  void stop_reading() override;
  std::size_t unsent_bytes() const override;
  void close_all() override;
  void abort_all() override;
  std::size_t connections_max() const override { return options_.connections_max; }
  void set_connections_max(std::size_t connections) override {
    options_.connections_max = connections;
  }
  Millis idle_timeout() const override { return options_.idle_timeout; }
  void set_idle_timeout(Millis timeout) override;
  Counters counters() const override;
  const Latencies& latencies() const override { return latencies_; }
  Clients* clients() override { return &protocol_->clients(); }
  void set_clients(Clients& clients) override { protocol_->set_clients(clients); }

  // ConversationHost, for the protocol.
  void for_each(absl::FunctionRef<void(Conversation&)> each) override;
  void touch(Conversation& talk) override;
  void touch_first(Conversation& talk) override;

  // ConnectionOwner, for connections.
  void touch(Connection& connection) override;
  void arrived(Connection& connection) override;
  void release(Connection& connection) override;
  void count_bytes(std::size_t in, std::size_t out) override;
  void note_tls_failed(const Connection& connection, std::string_view why) override;

 private:
  struct Slot {
    std::unique_ptr<Connection> connection;
    std::uint32_t generation = 0;  // of the connection, or of the last
  };

  /// All that came at once has been read.
  void on_events(std::uint32_t events) override;
  void run_arrived(std::span<const std::uint64_t> tickets, std::span<const Ahead> ahead);
  void accept_when_ready();
  void accept_some();
  void add(Socket socket, const Endpoint& peer);
  void schedule_tick();
  void tick();
  void cut_largest_readers();
  /// Resumes those of which this holds now.
  void resume(std::vector<std::uint64_t>& waiting, bool (Conversation::*ready)() const);
  void settle_first();
  void settle(Connection& connection);
  void note_cut(const Conversation& talk);
  Connection* find(std::uint64_t ticket_connection);
  std::uint32_t index_of(std::uint64_t ticket_connection) const;

  boost::asio::io_context& io_;
  Options options_;
  std::unique_ptr<Protocol> protocol_;
  const std::uint32_t ticket_mark_;
  Backend* backend_ = nullptr;
  Acceptor acceptor_;
  Endpoint endpoint_;
  Timer timer_;
  Readiness& readiness_;
  bool accept_paused_ = false;  // no descriptors: until the next tick

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<Connection*> touched_;
  std::vector<Connection*> settling_;
  std::vector<std::uint64_t> arrived_;    // tickets' connections that have read something
  std::size_t glances_left_out_ = 0;      // of how many connections it is still to be
  std::vector<std::uint64_t> first_;      // tickets' connections: before the others
  std::vector<std::uint64_t> resumable_;  // tickets' connections
  std::vector<std::uint64_t> for_node_;   // likewise, of those that wait for the node
  Latencies latencies_;
  int lines_logged_ = 0;  // in this second
  TlsFailures tls_failures_;
  Counters counters_;
};

}  // namespace holdfast::server
