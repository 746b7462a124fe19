// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "server/http_exchange.h"
#include "server/secured.h"
#include "server/sockets.h"

namespace holdfast::server {

/// The HTTP port: pages that the node gives, for whoever watches it. On the
/// thread that runs the io_context, which outlives it and does not run after it
/// is gone.
class HttpServer {
 public:
  /// With an identity clients speak TLS, and nothing else.
  HttpServer(boost::asio::io_context& io, HttpPages pages,
             std::shared_ptr<const tls::RenewableIdentity> tls = nullptr);
  ~HttpServer();

  /// "HOST:PORT".
  Status listen(std::string_view address, Reach reach = Reach::loopback);
  std::string address() const { return text_of(endpoint_); }
  std::uint16_t port() const { return endpoint_.port(); }
  void stop_accepting();

  struct Counters {
    std::uint64_t connections = 0;  // open now
    std::uint64_t accepted = 0;
    std::uint64_t refused_connections = 0;  // over http_connections_max
    std::uint64_t cut_off = 0;              // too slow
  };
  const Counters& counters() const { return counters_; }
  /// Clients with whom TLS was not agreed.
  std::uint64_t tls_failed() const { return tls_failures_.count(); }

 private:
  struct Connection;

  void accept_when_ready();
  void accept_some();
  void read(Connection& connection);
  void read_secured(Connection& connection);
  void take_in(Connection& connection);
  void go_on(Connection& connection);
  void send(Connection& connection);
  void note_tls_failed(Connection& connection, std::string_view why);
  void close(Connection& connection);
  void release_if_idle(Connection& connection);
  void schedule_tick();
  void tick();

  boost::asio::io_context& io_;
  HttpPages pages_;
  std::shared_ptr<const tls::RenewableIdentity> tls_;
  Acceptor acceptor_;
  Endpoint endpoint_;
  Timer timer_;
  bool accept_paused_ = false;
  int pages_left_ = limits::http_pages_per_second_max;  // in this second
  std::vector<std::unique_ptr<Connection>> connections_;
  TlsFailures tls_failures_;
  Counters counters_;
};

}  // namespace holdfast::server
