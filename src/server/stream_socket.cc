// SPDX-License-Identifier: Apache-2.0
#include "server/stream_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <cerrno>
#include <utility>

namespace holdfast::server {
namespace {

using boost::system::error_code;

error_code last_error() {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return boost::asio::error::would_block;
  return {errno, boost::system::system_category()};
}

template <typename Call>
ssize_t uninterrupted(Call call) {
  ssize_t n = 0;
  do {
    n = call();
  } while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace

StreamSocket::StreamSocket(boost::asio::io_context& io, int descriptor, Handler& handler)
    : readiness_(Readiness::of(io)), handler_(handler), descriptor_(descriptor) {
  // Without being watched it is of no use; its first read says so.
  if (!readiness_.add(descriptor_, *this)) {
    ::close(std::exchange(descriptor_, -1));
    readable_ = true;
    ends_ = true;
  }
}

std::size_t StreamSocket::read_some(std::span<char> room, error_code& error) {
  const ssize_t n = uninterrupted([&] { return ::recv(descriptor_, room.data(), room.size(), 0); });
  error.clear();
  if (n < 0) {
    error = last_error();
    if (error == boost::asio::error::would_block) readable_ = false;
    return 0;
  }
  if (n == 0) error = boost::asio::error::eof;
  // epoll(7): who read less than he asked for has emptied it, and what comes then is an event.
  if (static_cast<std::size_t>(n) < room.size() && !ends_) readable_ = false;
  return static_cast<std::size_t>(n);
}

void StreamSocket::await_input() {
  if (readable_) return await_turn();
  awaits_input_ = true;
}

void StreamSocket::await_turn() {
  awaits_input_ = true;
  readiness_.call_again(*this);
}

std::size_t StreamSocket::write_some(std::string_view bytes, error_code& error) {
  const ssize_t n =
      uninterrupted([&] { return ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
  error.clear();
  if (n < 0) {
    error = last_error();
    return 0;
  }
  if (static_cast<std::size_t>(n) < bytes.size()) error = boost::asio::error::would_block;
  return static_cast<std::size_t>(n);
}

void StreamSocket::close() {
  if (descriptor_ < 0) return;
  readiness_.remove(descriptor_, *this);
  ::shutdown(descriptor_, SHUT_RDWR);
  ::close(std::exchange(descriptor_, -1));
}

void StreamSocket::on_events(std::uint32_t events) {
  if ((events & ~std::uint32_t{EPOLLIN | EPOLLOUT}) != 0) ends_ = true;
  if (ends_ || (events & EPOLLIN) != 0) readable_ = true;
  Ready ready;
  // Of a call from call_again() `events` is 0, and to be told now is what was asked for.
  if (awaits_input_ && (readable_ || events == 0)) {
    awaits_input_ = false;
    ready.to_read = true;
  }
  if (awaits_room_ && (events & ~std::uint32_t{EPOLLIN}) != 0) {
    awaits_room_ = false;
    ready.to_write = true;
  }
  if (ready.to_read || ready.to_write) handler_.on_ready(ready);
}

}  // namespace holdfast::server
