// SPDX-License-Identifier: Apache-2.0
#include "server/http_server.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>

#include "base/logging.h"

namespace holdfast::server {
namespace {

using boost::system::error_code;

constexpr int accepts_per_turn_max = 64;

}  // namespace

struct HttpServer::Connection {
  Connection(Socket accepted, const HttpPages& pages)
      : socket(std::move(accepted)), exchange(pages) {}

  Socket socket;
  HttpExchange exchange;
  bool reading = false;
  bool writing = false;
  bool closed = false;
  bool paused = false;  // until the next tick
};

HttpServer::HttpServer(boost::asio::io_context& io, HttpPages pages)
    : io_(io), pages_(std::move(pages)), acceptor_(io.get_executor()), timer_(io.get_executor()) {}

HttpServer::~HttpServer() = default;

Status HttpServer::listen(std::string_view address, Reach reach) {
  const auto endpoint = endpoint_of(address, reach);
  if (!endpoint) return tl::unexpected(endpoint.error());
  if (Status s = listen_on(acceptor_, *endpoint); !s) return s;
  endpoint_ = acceptor_.local_endpoint();
  accept_when_ready();
  schedule_tick();
  return {};
}

void HttpServer::stop_accepting() {
  error_code ignored;
  acceptor_.close(ignored);
}

void HttpServer::accept_when_ready() {
  acceptor_.async_wait(Acceptor::wait_read, [this](const error_code& error) {
    if (error || !acceptor_.is_open()) return;
    accept_some();
    if (!accept_paused_) accept_when_ready();
  });
}

void HttpServer::accept_some() {
  for (int i = 0; i < accepts_per_turn_max; ++i) {
    error_code error;
    Socket socket(io_.get_executor());
    acceptor_.accept(socket, error);
    if (error == boost::asio::error::would_block) return;
    if (error == boost::asio::error::connection_aborted) continue;
    if (error) {
      logging::warning("cannot accept HTTP connections for a second: {}", error.message());
      accept_paused_ = true;
      return;
    }
    if (connections_.size() >= limits::http_connections_max) {
      ++counters_.refused_connections;
      continue;
    }
    prepare(socket);
    ++counters_.accepted;
    ++counters_.connections;
    connections_.push_back(std::make_unique<Connection>(std::move(socket), pages_));
    read(*connections_.back());
  }
}

void HttpServer::read(Connection& connection) {
  const std::span<char> room = connection.exchange.room();
  connection.reading = true;
  connection.socket.async_read_some(boost::asio::buffer(room.data(), room.size()),
                                    [this, &connection](const error_code& error, std::size_t n) {
                                      connection.reading = false;
                                      if (connection.closed) return release_if_idle(connection);
                                      if (!error) {
                                        connection.exchange.received(n);
                                      } else if (error == boost::asio::error::eof) {
                                        connection.exchange.end_of_input();
                                      } else {
                                        return close(connection);
                                      }
                                      go_on(connection);
                                    });
}

void HttpServer::go_on(Connection& connection) {
  if (!connection.exchange.output().empty()) return send(connection);
  if (connection.exchange.finished()) return close(connection);
  // Whoever asks without end would keep the thread from everything else.
  connection.paused = pages_left_ <= 0;
  if (!connection.paused) read(connection);
}

void HttpServer::send(Connection& connection) {
  connection.writing = true;
  boost::asio::async_write(connection.socket, boost::asio::buffer(connection.exchange.output()),
                           [this, &connection](const error_code& error, std::size_t) {
                             connection.writing = false;
                             if (connection.closed) return release_if_idle(connection);
                             if (error) return close(connection);
                             --pages_left_;
                             connection.exchange.output().clear();
                             connection.exchange.sent();
                             go_on(connection);
                           });
}

void HttpServer::close(Connection& connection) {
  if (connection.closed) return;
  connection.closed = true;
  error_code ignored;
  connection.socket.shutdown(Socket::shutdown_both, ignored);
  connection.socket.close(ignored);
  release_if_idle(connection);
}

void HttpServer::release_if_idle(Connection& connection) {
  if (connection.reading || connection.writing) return;
  --counters_.connections;
  std::erase_if(connections_, [&](const auto& held) { return held.get() == &connection; });
}

void HttpServer::schedule_tick() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const error_code& error) {
    if (error) return;
    tick();
    schedule_tick();
  });
}

void HttpServer::tick() {
  if (std::exchange(accept_paused_, false) && acceptor_.is_open()) accept_when_ready();
  pages_left_ = limits::http_pages_per_second_max;
  // Those that read or write are not released here, but when that has ended.
  for (const auto& connection : connections_) {
    if (connection->closed) continue;
    if (std::exchange(connection->paused, false)) read(*connection);
    if (connection->exchange.tick()) continue;
    ++counters_.cut_off;
    close(*connection);
  }
}

}  // namespace holdfast::server
