// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/units.h"
#include "command/messages.h"
#include "log/log.h"
#include "server/subscriptions.h"

namespace holdfast::node {

/// The messages of a node: gives them to those who listen here, and, of those published here, to
/// the other nodes; holds back what tells of a change that its disk does not have yet, and whatever
/// comes after it. Nothing is kept for who does not listen. One thread.
class Messages {
 public:
  struct Parts {
    /// For whom a message on a channel is, at this moment.
    std::function<server::Audience(std::string_view channel)> audience;
    /// Gives it to the other nodes; null: there are none.
    std::function<void(const Message& message)> send;
  };
  explicit Messages(Parts parts) : parts_(std::move(parts)) {}

  server::Subscriptions& subscriptions() { return subscriptions_; }

  /// Published here, by who may: told here and elsewhere. How many here took it.
  std::uint64_t publish(const Message& message);
  /// Published on another node.
  void heard(const Message& message);

  /// What an operation tells that is being carried out: told by the next release(), unless settle()
  /// says until where the log must be synced first. An event is told on this node alone.
  void tell(const Message& message);
  void tell_event(const Message& message, const server::Audience& audience);
  /// Said behind each operation: what it told waits for the log's `position`.
  void settle(Position position);
  /// Tells what may be told now that the log is synced so far, in its order. `lost`: it never will
  /// be, so what waits for it is told no more.
  void release(Position synced, bool lost);

  struct Counters {
    std::uint64_t events = 0;
    std::uint64_t dropped = 0;  // of what was held back: too much, or the disk failed
  };
  const Counters& counters() const { return counters_; }
  std::size_t held_bytes() const { return held_bytes_; }

 private:
  struct Held {
    ChannelKind kind;
    std::string channel;
    std::string text;
    std::optional<server::Audience> audience;  // of an event; of others, as it is then
    Position position;
    std::size_t bytes() const { return channel.size() + text.size() + sizeof(Held); }
  };
  void hold(const Message& message, std::optional<server::Audience> audience);

  Parts parts_;
  server::Subscriptions subscriptions_;
  std::deque<Held> held_;
  std::size_t unsettled_ = 0;  // the last of them
  std::size_t held_bytes_ = 0;
  Counters counters_;
};

}  // namespace holdfast::node
