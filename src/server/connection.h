// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/conversation.h"
#include "server/secured.h"
#include "server/sockets.h"

namespace holdfast::server {

class Connection;

/// Who owns the connections; told by them.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  /// Something happened: settle() is wanted at the end of the turn.
  virtual void touch(Connection& connection) = 0;
  /// Closed, and no operation of it is under way: it may be destroyed.
  virtual void release(Connection& connection) = 0;
  virtual void count_bytes(std::size_t in, std::size_t out) = 0;
  /// TLS was not agreed; `why` says why.
  virtual void note_tls_failed(const Connection& connection, std::string_view why) = 0;
};

/// A socket and what is said on it, with TLS between them or nothing. Reads at most once a turn;
/// what a turn produced is written at its end, at once as far as the kernel takes it.
class Connection {
 public:
  /// `channel`: accepting.
  Connection(ConnectionOwner& owner, Socket socket, tls::Channel channel,
             std::unique_ptr<Conversation> talk)
      : owner_(owner), socket_(std::move(socket)), talk_(std::move(talk)) {
    if (!channel.is_plain()) secured_ = std::make_unique<Secured>(std::move(channel));
  }

  Conversation& talk() { return *talk_; }
  const Conversation& talk() const { return *talk_; }
  bool closed() const { return closed_; }

  /// The end of a turn: sends, then reads on, or closes. May call release().
  void settle();
  /// Closes without sending more. May call release().
  void close();
  /// A second has passed.
  void tick();

  bool touched = false;  // the owner's mark

 private:
  void read();
  void send();
  void send_now(std::string& bytes);
  void send_rest();

  // Over TLS.
  bool must_send_first() const;
  void read_secured();
  void take_in();
  void send_secured();
  void fail(std::string_view why);
  void say_goodbye();

  void release_if_idle();

  ConnectionOwner& owner_;
  Socket socket_;
  std::unique_ptr<Conversation> talk_;
  std::unique_ptr<Secured> secured_;  // null: plain
  std::string sending_;               // what the kernel did not take at once
  std::size_t sent_ = 0;              // of it
  bool reading_ = false;
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace holdfast::server
