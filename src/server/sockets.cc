// SPDX-License-Identifier: Apache-2.0
#include "server/sockets.h"

#include <fmt/format.h>
#include <netinet/tcp.h>

#include <boost/asio/detail/socket_option.hpp>
#include <charconv>
#include <cstdint>

namespace holdfast::server {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

// As Redis: a peer that is gone is noticed within ten minutes.
constexpr int keepalive_idle_seconds = 300;
constexpr int keepalive_interval_seconds = 100;
constexpr int keepalive_probes = 3;
constexpr int backlog = 511;

using KeepaliveIdle = boost::asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
using KeepaliveInterval = boost::asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
using KeepaliveProbes = boost::asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;

}  // namespace

Result<Endpoint> endpoint_of(std::string_view host_and_port, Reach reach) {
  const std::string shown(host_and_port);
  const std::size_t colon = host_and_port.rfind(':');
  if (colon == std::string_view::npos) return fail(Code::err, shown + " is not HOST:PORT");
  std::string_view host = host_and_port.substr(0, colon);
  const std::string_view port_text = host_and_port.substr(colon + 1);
  std::uint16_t port = 0;
  const char* const end = port_text.data() + port_text.size();
  const auto [at, wrong] = std::from_chars(port_text.data(), end, port);
  if (wrong != std::errc() || at != end) {
    return fail(Code::err, shown + ": the port is no number from 0 to 65535");
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);

  error_code error;
  boost::asio::ip::address address = boost::asio::ip::make_address(std::string(host), error);
  if (error && !host.empty()) {
    boost::asio::io_context io;
    tcp::resolver resolver(io);
    const auto found = resolver.resolve(std::string(host), std::string(port_text), error);
    if (error || found.empty()) {
      return fail(Code::err, fmt::format("{}: the host is not known: {}", shown, error.message()));
    }
    address = found.begin()->endpoint().address();
  }
  if (reach == Reach::loopback && (host.empty() || !address.is_loopback())) {
    return fail(Code::err,
                shown +
                    ": refusing to listen beyond loopback where nobody has to sign in; use "
                    "127.0.0.1, [::1] or localhost, or --trust-network where everyone "
                    "who can connect may do everything");
  }
  return Endpoint(address, port);
}

Status listen_on(Acceptor& acceptor, const Endpoint& endpoint) {
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
  if (!error) acceptor.non_blocking(true, error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(backlog, error);
  if (!error) return {};
  error_code ignored;
  acceptor.close(ignored);
  return fail(Code::err,
              fmt::format("cannot listen on {}: {}", text_of(endpoint), error.message()));
}

void prepare(Socket& socket) {
  // A connection that the peer has reset in the meantime takes no options; its
  // first read says so.
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(Socket::keep_alive(true), ignored);
  socket.set_option(KeepaliveIdle(keepalive_idle_seconds), ignored);
  socket.set_option(KeepaliveInterval(keepalive_interval_seconds), ignored);
  socket.set_option(KeepaliveProbes(keepalive_probes), ignored);
}

std::string text_of(const Endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

}  // namespace holdfast::server
