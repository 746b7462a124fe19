// SPDX-License-Identifier: Apache-2.0
#include "mesh/link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <charconv>
#include <system_error>

namespace holdfast::mesh {
namespace {

using boost::asio::ip::tcp;

constexpr std::size_t wire_bytes = 16 * 1024;  // read at once, where it is not plain
constexpr Millis look_up{100};                 // at what else may end a wait

Monotonic now() {
  return std::chrono::steady_clock::now();
}

tl::unexpected<Error> failed(std::string_view what, int error) {
  return fail(Code::unavailable,
              fmt::format("{}: {}", what, std::generic_category().message(error)));
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

Result<HostAndPort> split_address(std::string_view host_and_port) {
  const auto malformed = [&] {
    return fail(Code::err, std::string(host_and_port) + " is not HOST:PORT");
  };
  const std::size_t colon = host_and_port.rfind(':');
  if (colon == std::string_view::npos) return malformed();
  std::string_view host = host_and_port.substr(0, colon);
  const std::string_view port_text = host_and_port.substr(colon + 1);
  std::uint16_t port = 0;
  const char* const end = port_text.data() + port_text.size();
  const auto [at, wrong] = std::from_chars(port_text.data(), end, port);
  if (wrong != std::errc() || at != end || host.empty()) return malformed();
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return HostAndPort{std::string(host), std::string(port_text)};
}

Result<tcp::endpoint> resolve(std::string_view host_and_port) {
  const auto parts = split_address(host_and_port);
  if (!parts) return tl::unexpected(parts.error());
  const auto& [host, port] = *parts;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (!error) return tcp::endpoint(address, static_cast<std::uint16_t>(std::stoi(port)));
  boost::asio::io_context io;
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(host, port, error);
  if (error || found.empty()) {
    return fail(Code::unavailable,
                fmt::format("{}: the host is not known: {}", host_and_port, error.message()));
  }
  return found.begin()->endpoint();
}

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

Link::~Link() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Link::shut_down() {
  ::shutdown(descriptor_, SHUT_RDWR);
}

Result<Link> Link::connect(const tcp::endpoint& to, const Patience& patience,
                           tls::Channel channel) {
  Link link(::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
            std::move(channel));
  if (link.descriptor_ < 0) return failed("no socket", errno);
  const int on = 1;
  ::setsockopt(link.descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (::connect(link.descriptor_, to.data(), static_cast<socklen_t>(to.size())) != 0) {
    if (errno != EINPROGRESS) return failed("cannot connect", errno);
    if (Status s = link.wait(POLLOUT, patience, now()); !s) return tl::unexpected(s.error());
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(link.descriptor_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return failed("cannot connect", error);
  }
  return link;
}

Status Link::wait(short events, const Patience& patience, Monotonic since) const {
  while (true) {
    if (patience.cancel != nullptr && *patience.cancel) {
      return fail(Code::unavailable, "cancelled");
    }
    const Monotonic at = now();
    if (at >= patience.until) return fail(Code::unavailable, "it took too long in all");
    if (at - since >= patience.idle) {
      return fail(Code::unavailable, fmt::format("nothing moved for {} ms", patience.idle.count()));
    }
    const auto left = std::chrono::ceil<Millis>(
        std::min(patience.until - at, Monotonic::duration(patience.idle - (at - since))));
    pollfd polled{.fd = descriptor_, .events = events, .revents = 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(std::min(left, look_up).count()));
    if (ready > 0) return {};  // errors, too: the next read or write says which
    if (ready < 0 && errno != EINTR) return failed("waiting for the other end", errno);
  }
}

Result<std::size_t> Link::read(std::span<char> room, const Patience& patience) {
  if (channel_.is_plain()) return receive(room, patience);
  std::array<char, wire_bytes> wire;
  while (true) {
    auto read = channel_.read(room);
    if (channel_.has_output()) {
      // The other end has to hear why it is not to be talked to, too.
      if (Status s = write({}, patience); !s && read) return tl::unexpected(s.error());
    }
    if (!read || *read > 0) return read;
    auto n = receive(wire, patience);
    if (!n || *n == 0) return n;
    channel_.feed({wire.data(), *n});
  }
}

Result<std::size_t> Link::receive(std::span<char> room, const Patience& patience) {
  const Monotonic since = now();
  while (true) {
    // First, so that what never stops coming does not outlast the patience.
    if (Status s = wait(POLLIN, patience, since); !s) return tl::unexpected(s.error());
    const ssize_t n = ::recv(descriptor_, room.data(), room.size(), 0);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (!would_block(errno)) return failed("reading from the other end", errno);
  }
}

Status Link::write(std::string_view bytes, const Patience& patience,
                   std::atomic<std::uint64_t>* sent) {
  if (channel_.is_plain()) return send(bytes, patience, sent);
  std::string wire(bytes);
  channel_.seal(wire);
  return send(wire, patience, sent);
}

Status Link::send(std::string_view bytes, const Patience& patience,
                  std::atomic<std::uint64_t>* sent) {
  Monotonic since = now();
  while (!bytes.empty()) {
    if (Status s = wait(POLLOUT, patience, since); !s) return s;
    const ssize_t n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (!would_block(errno)) return failed("writing to the other end", errno);
      continue;
    }
    if (sent != nullptr) *sent += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    since = now();
  }
  return {};
}

}  // namespace holdfast::mesh
