// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "server/readiness.h"

namespace holdfast::server {

/// A connected stream socket that never blocks: reads and writes are done at once, as far as
/// the kernel has or takes bytes, and who needs more is told when it may go on. Of the thread
/// that runs the io_context, which outlives it.
class StreamSocket final : private Readiness::Watcher {
 public:
  struct Ready {
    bool to_read = false;   // what await_input() waited for
    bool to_write = false;  // what await_room() waited for
  };
  class Handler {
   public:
    virtual ~Handler() = default;
    /// Later, from the loop. It may destroy the socket. That there is nothing after all is
    /// possible.
    virtual void on_ready(Ready ready) = 0;
  };

  /// Takes the descriptor, which does not block; `handler` outlives this.
  StreamSocket(boost::asio::io_context& io, int descriptor, Handler& handler);
  ~StreamSocket() override { close(); }
  StreamSocket(const StreamSocket&) = delete;
  StreamSocket& operator=(const StreamSocket&) = delete;

  /// What has come, at most `room`, which is not empty. 0 with an error: would_block (nothing,
  /// now), eof, or what broke the connection.
  std::size_t read_some(std::span<char> room, boost::system::error_code& error);
  /// The handler is told, once, when there may be something to read, be it the end.
  void await_input();
  /// The handler is told, once, in the loop's next round as if there were something to read.
  void await_turn();

  /// How much the kernel took; less than all with would_block or what broke the connection.
  std::size_t write_some(std::string_view bytes, boost::system::error_code& error);
  /// After a write_some() that was not taken whole: the handler is told, once, when more may be.
  void await_room() { awaits_room_ = true; }

  /// The handler is told nothing more. A peer that still sends hears of it.
  void close();

 private:
  void on_events(std::uint32_t events) override;

  Readiness& readiness_;
  Handler& handler_;
  int descriptor_;
  bool readable_ = false;  // there may be something: a read has not found it empty since
  bool ends_ = false;      // it has an end, an error or urgent data: only a read tells
  bool awaits_input_ = false;
  bool awaits_room_ = false;
};

}  // namespace holdfast::server
