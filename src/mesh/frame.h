// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/limits.h"
#include "mesh/secret.h"

namespace holdfast::mesh {

/// What nodes send each other comes in frames: a length, a type, a body and a
/// checksum that also knows the frame's place, so that one lost, repeated or
/// moved is noticed as a flipped bit is; where nodes sign in, it is a signature.
/// docs/formats/checkpoint-stream.md.
enum class FrameType : std::uint8_t {
  hello = 1,
  begin,
  rows,
  piece,
  end,
  error,
  // Of replication: docs/formats/mesh.md.
  report,
  entries,
  part,
  // Of signing in, likewise there.
  challenge,
  signed_in,
  // Of finding one another: whereabouts.h.
  places,
  // Since version 2 of the protocol: entries that were packed.
  packed,
  // Since version 3: what a replica says of a key.
  question,
  answer,
  // Since version 4: what is published, and whether anybody listens to that.
  messages,
  listens,
  // Since version 5: up to where a node's clients' caches have been told.
  told,
};

struct Frame {
  FrameType type{};
  std::string_view body;
};

inline constexpr std::size_t frame_head_bytes = 5;  // length, type
inline constexpr std::size_t frame_tail_bytes = 8;  // checksum

/// The frames of one direction of one connection, in their order.
class FrameWriter {
 public:
  /// Appends a frame; `body` is at most limits::mesh_frame_bytes_max.
  void put(std::string& out, FrameType type, std::string_view body);
  /// From the next frame on.
  void sign(const FrameKey& key) { key_ = key; }

 private:
  std::optional<FrameKey> key_;
  std::uint64_t next_ = 0;
};

/// Finds frames in bytes as they come. Holds one frame at most and makes no room
/// ahead of data.
class FrameReader {
 public:
  /// `body_bytes_max`: of the frames to come; more is refused at its length.
  explicit FrameReader(std::size_t body_bytes_max = limits::mesh_frame_bytes_max)
      : body_bytes_max_(body_bytes_max) {}

  /// Larger ones, once it is known who sends them.
  void allow(std::size_t body_bytes_max) { body_bytes_max_ = body_bytes_max; }

  /// From the next frame on they must be signed.
  void sign(const FrameKey& key) { key_ = key; }

  /// Where to put bytes, never empty; then received() says how many came.
  std::span<char> room();
  void received(std::size_t n) { end_ += n; }

  /// The next whole frame, its body good until the next call of room(). Nothing:
  /// more bytes must come first. kCorrupt: not what was sent; nothing after it
  /// can be read.
  Result<std::optional<Frame>> next();
  /// Whether a part of a frame has come.
  bool amid_frame() const { return begin_ != end_; }

 private:
  std::size_t body_bytes_max_;
  std::optional<FrameKey> key_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what was not read yet
  std::size_t end_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace holdfast::mesh
