// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/ticket.h"
#include "base/units.h"
#include "server/resp_connection.h"
#include "server/session.h"
#include "server/sockets.h"

namespace holdfast::server {

/// The RESP port: accepts connections, gives each a session, and carries
/// replies back. Everything on the thread that runs the io_context, whose loop is
///
///     while (running) { io.run_one(); io.poll(); backend.end_of_turn(); server.flush(); }
///
/// The io_context outlives the server and does not run after it is gone.
class RespServer final : public ReplySink, public ConnectionOwner, public Clients {
 public:
  struct Options {
    std::size_t connections_max = limits::connections_max_default;
    std::size_t output_bytes_max = limits::output_bytes_max_default;
    Millis idle_timeout{0};  // of a connection that says nothing; 0: none
  };
  RespServer(boost::asio::io_context& io, const CommandTable& commands, Options options);
  ~RespServer() override;

  /// Before listen().
  void set_backend(Backend& backend) { context_.backend = &backend; }

  /// "HOST:PORT"; refused beyond loopback.
  Status listen(std::string_view address, Reach reach = Reach::loopback);
  /// Where it listens, with the port that port 0 became.
  std::string address() const;
  std::uint16_t port() const { return endpoint_.port(); }

  /// The end of a turn: sends what it produced, and reads on. Work that can
  /// only now go on is done in the next turn, which is then due at once.
  void flush();

  void complete(Ticket ticket, std::string_view canonical_reply, Replay replay) override;

  void stop_accepting();
  /// No request is taken any more; those under way are answered.
  void stop_reading();
  /// Replies that the peers have not taken.
  std::size_t unsent_bytes() const;
  /// Closes all connections when what is ready has been given to the kernel.
  void close_all();
  /// Closes all connections at the next flush(), sending nothing more: what the
  /// replies say is not so.
  void abort_all();

  std::size_t connections_max() const { return options_.connections_max; }
  void set_connections_max(std::size_t connections) { options_.connections_max = connections; }
  Millis idle_timeout() const { return options_.idle_timeout; }
  void set_idle_timeout(Millis timeout);

  struct Counters {
    std::uint64_t connections = 0;  // open now
    std::uint64_t accepted = 0;
    std::uint64_t refused_connections = 0;  // over connections_max
    std::uint64_t evicted_readers = 0;
    std::uint64_t cut_off = 0;  // evicted readers and others: slow requests, HTTP, idle, killed
    std::uint64_t commands = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
  };
  Counters counters() const;

  // ConnectionOwner and Clients, for connections and their sessions.
  void touch(RespConnection& connection) override;
  void release(RespConnection& connection) override;
  void count_bytes(std::size_t in, std::size_t out) override;
  void for_each(absl::FunctionRef<void(Session&)> each) override;
  void kill(Session& session) override;

 private:
  struct Slot {
    std::unique_ptr<RespConnection> connection;
    std::uint32_t generation = 0;  // of the connection, or of the last
  };

  void accept_when_ready();
  void accept_some();
  void add(Socket socket, const Endpoint& peer);
  void schedule_tick();
  void tick();
  void cut_largest_readers();
  /// Resumes those sessions of which this holds now.
  void resume(std::vector<std::uint64_t>& waiting, bool (Session::*ready)() const);
  void settle(RespConnection& connection);
  void note_cut(const Session& session);
  RespConnection* find(std::uint64_t ticket_connection);

  boost::asio::io_context& io_;
  Options options_;
  SessionContext context_;
  Acceptor acceptor_;
  Endpoint endpoint_;
  Timer timer_;
  bool accept_paused_ = false;  // no descriptors: until the next tick

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<RespConnection*> touched_;
  std::vector<RespConnection*> settling_;
  std::vector<std::uint64_t> resumable_;  // tickets' connections
  std::vector<std::uint64_t> for_node_;   // likewise, of sessions that wait for the node
  std::uint64_t last_id_ = 0;
  int lines_logged_ = 0;  // in this second
  Counters counters_;
};

}  // namespace holdfast::server
