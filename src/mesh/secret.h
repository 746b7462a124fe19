// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::mesh {

/// What the frames of one direction of one connection are signed with.
class FrameKey {
 public:
  static constexpr std::size_t bytes_max = 32;
  /// At most bytes_max.
  explicit FrameKey(std::string_view bytes);
  /// The first eight bytes of HMAC-SHA-256 (RFC 2104) over the place and the frame.
  std::uint64_t tag(std::string_view frame, std::uint64_t place) const;

 private:
  std::array<char, bytes_max> bytes_{};  // HMAC, too, fills a shorter key up with zeros
};

/// Which end of a connection writes.
enum class End : std::uint8_t { dialer = 1, accepter };

/// What the nodes of a cluster share, so that nobody else can talk to them. Both
/// ends of a connection add a nonce; with the keys that come of the secret, both
/// nonces and the greeting all later frames are signed: who has not the secret can
/// neither make one nor send one again. It hides nothing: that is TLS's.
class Secret {
 public:
  Secret() = default;  // nobody signs
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
  bool empty() const { return bytes_.empty(); }

  /// `hello`: the greeting's body, with the dialer's nonce; `challenge`: the
  /// accepter's nonce.
  FrameKey key(End writer, std::string_view hello, std::string_view challenge) const;

 private:
  std::string bytes_;
};

inline constexpr std::size_t nonce_bytes = 16;
/// That many bytes that nobody can foretell. Any thread.
std::string make_nonce();

}  // namespace holdfast::mesh
