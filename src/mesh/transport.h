// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace holdfast::mesh {

/// A connection's bytes, both ways and in order, until it breaks. Of one thread,
/// which is also where `done` is called: later, never from within the call.
class ByteStream {
 public:
  using Done = std::function<void(Result<std::size_t> bytes)>;
  virtual ~ByteStream() = default;

  /// At least one byte, into `room`, which stays where it is until `done`. One at a
  /// time. Every error is kUnavailable, and the end of the connection.
  virtual void read(std::span<char> room, Done done) = 0;
  /// All of them; they stay where they are until `done`. One at a time.
  virtual void write(std::string_view bytes, Done done) = 0;
  /// What is under way ends with an error, or not at all.
  virtual void close() = 0;

  /// Whether bytes go no further than this machine's memory.
  virtual bool is_on_this_machine() const = 0;
  virtual Monotonic now() const = 0;
};

/// How nodes reach one another: sockets in a node, the simulator's network there.
class Transport {
 public:
  /// A connection being made; without it, it is given up.
  class Attempt {
   public:
    virtual ~Attempt() = default;
  };
  using Done = std::function<void(Result<std::unique_ptr<ByteStream>> stream)>;
  virtual ~Transport() = default;

  /// To "HOST:PORT". `done` is called once, later, on the caller's thread, unless
  /// the attempt was given up.
  virtual std::unique_ptr<Attempt> dial(const std::string& address, Done done) = 0;
};

}  // namespace holdfast::mesh
