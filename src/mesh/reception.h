// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "mesh/checkpoint_stream.h"
#include "mesh/frame.h"
#include "mesh/hello.h"
#include "mesh/secret.h"
#include "mesh/transport.h"
#include "table/store.h"
#include "tls/channel.h"

namespace holdfast::mesh {

/// From where a listener may be reached: beyond loopback only where nodes sign in
/// with each other, or whoever runs the node says that the network can be trusted.
enum class Reach { loopback, anywhere };

/// A checkpoint to be sent.
struct CheckpointSource {
  std::unique_ptr<StoreSnapshot> snapshot;
  Position position;  // of the shared log, that it includes
  /// Which rows are sent. Called on the stream's thread.
  std::function<bool(Family family, std::string_view key)> wanted;
};

/// Where other nodes come to this one: hears what each is here for, sends this
/// node's checkpoint to those that ask for it, and hands those over that come to
/// replicate.
class Reception {
 public:
  struct Options {
    std::string cluster;
    std::string node;
    /// Gives what to send; the node keeps the log behind it until `end`. On the
    /// node's thread. An error is told to whoever asked.
    std::function<Result<CheckpointSource>(const Hello& hello)> begin;
    /// Once for each `begin` that gave one, however the stream ended. `whole`:
    /// all was sent, and taken. On the node's thread, or in the destructor.
    std::function<void(bool whole)> end;
    /// Where it is not empty, who greets must have it.
    Secret secret;
    std::shared_ptr<const tls::RenewableIdentity> tls;  // who connects must show a certificate
    /// Whether who greets may have it. May be empty.
    std::function<Status(const Hello& hello)> admit;
    /// Takes over a connection whose greeting asks for replication, with what was
    /// read of it behind the greeting. May be empty: none is wanted.
    std::function<void(std::unique_ptr<ByteStream>, tls::Channel, FrameReader, FrameWriter,
                       const Hello&)>
        replicate;
    /// What is answered to who asks who is here. May be empty: nothing is.
    std::function<Result<Hello>(const Hello& by)> probe;
    Millis stall_max = std::chrono::seconds(limits::mesh_stall_seconds_max);
    Millis hello_max = std::chrono::seconds(limits::mesh_hello_seconds_max);
  };
  struct Counters {
    std::uint64_t streams = 0;  // under way
    std::uint64_t streams_begun = 0;
    std::uint64_t streams_whole = 0;
    std::uint64_t refused = 0;  // busy, strangers, and what is no greeting
    std::uint64_t bytes_sent = 0;
  };
  virtual ~Reception() = default;

  /// "HOST:PORT", IPv6 in brackets; port 0 takes any free one.
  virtual Status listen(std::string_view address, Reach reach) = 0;
  virtual std::string address() const = 0;
  /// Takes no more connections; streams under way go on.
  virtual void stop_accepting() = 0;
  virtual Counters counters() const = 0;
};

}  // namespace holdfast::mesh
