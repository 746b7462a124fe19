// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "mesh/frame.h"
#include "mesh/transport.h"
#include "tls/channel.h"

namespace holdfast::mesh {

/// A connection that carries frames both ways, for as long as both ends live. On
/// the stream's thread; whoever holds it is called back until close().
class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
 public:
  struct Handlers {
    /// A frame has come, its body good during the call. False: no more are wanted
    /// until read_on().
    std::function<bool(const Frame& frame)> frame;
    /// It is over, once; close() does not call it.
    std::function<void(const Error& why)> ended;
  };
  /// `channel`, `reader` with what it has read of this connection already, `writer` that has
  /// written on it.
  explicit PeerConnection(std::unique_ptr<ByteStream> stream, tls::Channel channel = {},
                          FrameReader reader = FrameReader(), FrameWriter writer = {});

  void start(Handlers handlers);
  /// Goes on after a frame handler's false.
  void read_on();

  /// From the next frames on, either way.
  void sign(const FrameKey& write, const FrameKey& read) {
    writer_.sign(write);
    reader_.sign(read);
  }
  /// Adds to what is to be sent; send() then sees to it.
  FrameWriter& frames() { return writer_; }
  std::string& output() { return output_; }
  void send();
  /// That the kernel has taken.
  std::uint64_t sent_bytes() const { return sent_bytes_; }
  std::size_t unsent_bytes() const { return output_.size() + sending_.size(); }

  /// Whether bytes go no further than this machine's memory.
  bool is_on_this_machine() const { return stream_->is_on_this_machine(); }
  /// When bytes last came.
  Monotonic heard_at() const { return heard_at_; }
  void close();

 private:
  void read_frames();
  Result<bool> read_channel();
  void read_more();
  void end(const Error& why);

  std::unique_ptr<ByteStream> stream_;
  tls::Channel channel_;
  std::string wire_;  // as it came, where the channel is not plain
  FrameReader reader_;
  FrameWriter writer_;
  Handlers handlers_;
  std::string output_;
  std::string sending_;
  Monotonic heard_at_;
  std::uint64_t sent_bytes_ = 0;
  bool reading_ = false;  // bytes were asked for
  bool in_frames_ = false;
  bool wanted_ = true;  // frames
  bool closed_ = false;
};

}  // namespace holdfast::mesh
