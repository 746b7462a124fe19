// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "server/conversation.h"
#include "server/secured.h"
#include "server/stream_socket.h"

namespace holdfast::server {

class Connection;

/// Who owns the connections; told by them.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  /// Something happened: settle() is wanted at the end of the turn.
  virtual void touch(Connection& connection) = 0;
  /// Bytes have come: run_arrived() is wanted when those of others that came with them are read.
  virtual void arrived(Connection& connection) = 0;
  /// It is closed, and may be destroyed.
  virtual void release(Connection& connection) = 0;
  virtual void count_bytes(std::size_t in, std::size_t out) = 0;
  /// TLS was not agreed; `why` says why.
  virtual void note_tls_failed(const Connection& connection, std::string_view why) = 0;
};

/// A socket and what is said on it, with TLS between them or nothing. Reads at most once a turn;
/// what a turn produced is written at its end, at once as far as the kernel takes it.
class Connection final : private StreamSocket::Handler {
 public:
  /// `descriptor`: of a connected socket that does not block; taken. `channel`: accepting.
  Connection(ConnectionOwner& owner, boost::asio::io_context& io, int descriptor,
             tls::Channel channel, std::unique_ptr<Conversation> talk)
      : owner_(owner), socket_(io, descriptor, *this), talk_(std::move(talk)) {
    if (!channel.is_plain()) secured_ = std::make_unique<Secured>(std::move(channel));
  }

  Conversation& talk() { return *talk_; }
  const Conversation& talk() const { return *talk_; }
  bool closed() const { return closed_; }

  /// What the requests that have arrived will touch, as of look_ahead().
  std::size_t glance(std::span<Ahead> ahead) const { return talk_->glance(arrived_bytes_, ahead); }
  /// Runs them.
  void run_arrived();
  /// The end of a turn: sends, then reads on, or closes. May call release().
  void settle();
  /// Closes without sending more. May call release().
  void close();
  /// A second has passed.
  void tick();

  bool touched = false;  // the owner's mark

 private:
  void on_ready(StreamSocket::Ready ready) override;
  void await_input();
  void read();
  void send();
  void send_now(std::string& bytes);
  void send_rest();
  std::size_t write(std::string_view bytes);

  // Over TLS.
  bool must_send_first() const;
  void read_secured();
  void send_secured();
  void fail(std::string_view why);
  void say_goodbye();

  ConnectionOwner& owner_;
  StreamSocket socket_;
  std::unique_ptr<Conversation> talk_;
  std::unique_ptr<Secured> secured_;  // null: plain
  std::string sending_;               // what the kernel did not take at once
  std::size_t sent_ = 0;              // of it
  std::size_t arrived_bytes_ = 0;     // read, and not given to the conversation yet
  bool reading_ = false;              // waits for input
  bool writing_ = false;              // waits for room
  bool closed_ = false;
};

}  // namespace holdfast::server
