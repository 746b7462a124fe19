// SPDX-License-Identifier: Apache-2.0
#include "server/http_server.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "base/logging.h"

namespace holdfast::server {
namespace {

using boost::system::error_code;

constexpr int accepts_per_turn_max = 64;

}  // namespace

struct HttpServer::Connection {
  Connection(Socket accepted, tls::Channel channel, const HttpPages& pages)
      : socket(std::move(accepted)), exchange(pages) {
    if (!channel.is_plain()) secured = std::make_unique<Secured>(std::move(channel));
  }

  bool has_output() {
    return !exchange.output().empty() || (secured != nullptr && secured->channel.has_output());
  }

  Socket socket;
  HttpExchange exchange;
  std::unique_ptr<Secured> secured;  // null: plain
  std::string sealed;                // what is being sent, if not plain
  bool reading = false;
  bool writing = false;
  bool closed = false;
  bool paused = false;  // until the next tick
};

HttpServer::HttpServer(boost::asio::io_context& io, HttpPages pages,
                       std::shared_ptr<const tls::RenewableIdentity> tls)
    : io_(io),
      pages_(std::move(pages)),
      tls_(std::move(tls)),
      acceptor_(io.get_executor()),
      timer_(io.get_executor()) {}

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
    connections_.push_back(std::make_unique<Connection>(
        std::move(socket), tls::Channel::accepting(tls_.get()), pages_));
    read(*connections_.back());
  }
}

void HttpServer::read(Connection& connection) {
  if (connection.secured != nullptr) return read_secured(connection);
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

void HttpServer::read_secured(Connection& connection) {
  connection.reading = true;
  Secured& secured = *connection.secured;
  if (secured.channel.has_input()) {
    // It was left there while an answer was sent: the socket does not tell of it again.
    boost::asio::post(io_, [this, &connection] {
      connection.reading = false;
      if (connection.closed) return release_if_idle(connection);
      take_in(connection);
    });
    return;
  }
  connection.socket.async_read_some(
      boost::asio::buffer(secured.wire),
      [this, &connection](const error_code& error, std::size_t n) {
        connection.reading = false;
        if (connection.closed) return release_if_idle(connection);
        if (error) return close(connection);  // no end that TLS tells of, either
        connection.secured->channel.feed({connection.secured->wire.data(), n});
        take_in(connection);
      });
}

/// Gives the exchange what the channel has for it, as far as it wants that.
void HttpServer::take_in(Connection& connection) {
  tls::Channel& channel = connection.secured->channel;
  while (connection.exchange.wants_input()) {
    const auto n = channel.read(connection.exchange.room());
    connection.secured->agreed = connection.secured->agreed || channel.is_open();
    if (!n && !channel.has_ended()) {
      if (!connection.secured->agreed) note_tls_failed(connection, n.error().message);
      return close(connection);
    }
    if (!n) {
      connection.exchange.end_of_input();
      break;
    }
    if (*n == 0) break;
    connection.exchange.received(*n);
  }
  go_on(connection);
}

void HttpServer::go_on(Connection& connection) {
  if (connection.has_output()) return send(connection);
  if (connection.exchange.finished()) return close(connection);
  // Whoever asks without end would keep the thread from everything else.
  connection.paused = pages_left_ <= 0;
  if (!connection.paused) read(connection);
}

void HttpServer::send(Connection& connection) {
  const std::string* bytes = &connection.exchange.output();
  const bool is_answer = !bytes->empty();  // or what TLS itself has to say
  if (connection.secured != nullptr) {
    // Who has asked something, and then is in the middle of changing keys, waits in vain.
    if (is_answer && !connection.secured->channel.is_open()) return close(connection);
    connection.sealed = *bytes;
    connection.secured->channel.seal(connection.sealed);
    bytes = &connection.sealed;
  }
  connection.writing = true;
  boost::asio::async_write(connection.socket, boost::asio::buffer(*bytes),
                           [this, &connection, is_answer](const error_code& error, std::size_t) {
                             connection.writing = false;
                             if (connection.closed) return release_if_idle(connection);
                             if (error) return close(connection);
                             if (is_answer) {
                               --pages_left_;
                               connection.exchange.output().clear();
                               connection.exchange.sent();
                             }
                             go_on(connection);
                           });
}

void HttpServer::note_tls_failed(Connection& connection, std::string_view why) {
  error_code ignored;
  tls_failures_.note(text_of(connection.socket.remote_endpoint(ignored)), why);
}

void HttpServer::close(Connection& connection) {
  if (connection.closed) return;
  connection.closed = true;
  error_code ignored;
  if (connection.secured != nullptr && !connection.writing) {
    // That this is the end, or what was wrong, if the kernel takes it.
    connection.secured->channel.end();
    connection.sealed.clear();
    connection.secured->channel.seal(connection.sealed);
    connection.socket.write_some(boost::asio::buffer(connection.sealed), ignored);
  }
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
  tls_failures_.tick();
  // Those that read or write are not released here, but when that has ended.
  for (const auto& connection : connections_) {
    if (connection->closed) continue;
    if (std::exchange(connection->paused, false)) read(*connection);
    if (connection->exchange.tick()) continue;
    ++counters_.cut_off;
    if (connection->secured != nullptr && !connection->secured->agreed)
      note_tls_failed(*connection, "TLS: it took too long to agree");
    close(*connection);
  }
}

}  // namespace holdfast::server
