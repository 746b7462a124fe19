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

namespace holdfast::mesh {

/// From where a listener may be reached: beyond loopback only where nodes sign in
/// with each other, or whoever runs the node says that the network can be trusted.
enum class Reach { loopback, anywhere };

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

/// A connection for a thread that has nothing else to do than wait for it. This
/// is where TLS between nodes will go. Every error is kUnavailable.
class Link {
 public:
  static Result<Link> connect(const boost::asio::ip::tcp::endpoint& to, const Patience& patience);
  /// Takes over a connected socket.
  explicit Link(int descriptor) : descriptor_(descriptor) {}
  Link(Link&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
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
  int descriptor_;
};

}  // namespace holdfast::mesh
