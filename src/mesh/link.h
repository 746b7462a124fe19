// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "tls/channel.h"

namespace holdfast::mesh {

struct HostAndPort {
  std::string host;  // without brackets
  std::string port;
};
/// Takes "HOST:PORT" apart, IPv6 in brackets. kErr: it is none.
Result<HostAndPort> split_address(std::string_view host_and_port);

/// "HOST:PORT", IPv6 in brackets. Asks the resolver for a name, and waits.
Result<boost::asio::ip::tcp::endpoint> resolve(std::string_view host_and_port);
std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint);

/// How long one end waits for the other.
struct Patience {
  Millis idle{30'000};                        // without a byte's progress
  Monotonic until = Monotonic::max();         // in all
  const std::atomic<bool>* cancel = nullptr;  // looked at ten times a second
};

/// A connection for a thread that has nothing else to do than wait for it. Every
/// error is kUnavailable.
class Link {
 public:
  static Result<Link> connect(const boost::asio::ip::tcp::endpoint& to, const Patience& patience,
                              tls::Channel channel = {});
  /// Takes over a connected socket, with what is between it and the frames.
  explicit Link(int descriptor, tls::Channel channel = {})
      : descriptor_(descriptor), channel_(std::move(channel)) {}
  Link(Link&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), channel_(std::move(other.channel_)) {}
  Link& operator=(Link&&) = delete;
  ~Link();

  /// At least one byte; 0: the other end has closed.
  Result<std::size_t> read(std::span<char> room, const Patience& patience);
  /// All of it. `sent` counts bytes as they go.
  Status write(std::string_view bytes, const Patience& patience,
               std::atomic<std::uint64_t>* sent = nullptr);
  /// No more will be written. Any thread may do so, to end a write that waits.
  void shut_down();

 private:
  Status wait(short events, const Patience& patience, Monotonic since) const;
  Result<std::size_t> receive(std::span<char> room, const Patience& patience);
  Status send(std::string_view wire, const Patience& patience, std::atomic<std::uint64_t>* sent);
  int descriptor_;
  tls::Channel channel_;
};

}  // namespace holdfast::mesh
