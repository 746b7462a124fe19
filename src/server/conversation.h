// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/latencies.h"
#include "base/ticket.h"
#include "base/units.h"
#include "server/look_ahead.h"

namespace holdfast::server {

class Backend;
class Clients;

/// Who is at the other end.
struct Peer {
  std::uint64_t id = 0;  // CLIENT ID: given once, never again
  std::string address;
  std::string local_address;
  int descriptor = -1;
};

/// What is said on one connection, as whoever holds the socket sees it: bytes in, bytes
/// out. Pure: knows no socket.
class Conversation {
 public:
  virtual ~Conversation() = default;

  virtual const Peer& peer() const = 0;
  /// Names it in its tickets.
  virtual std::uint64_t ticket_connection() const = 0;

  /// Whether bytes should be read. Not while requests wait: they would pile up.
  virtual bool wants_input() const = 0;
  /// Where to read them to.
  virtual std::span<char> room() = 0;
  /// Whether room() would be smaller by much if it were asked for now.
  virtual bool holds_spare_room() const { return false; }
  /// What requests will touch that are whole in the first n bytes of room(), which are new;
  /// received() is not called yet. How many of `ahead` it filled: a hint.
  virtual std::size_t glance(std::size_t n, std::span<Ahead> ahead) {
    static_cast<void>(n), static_cast<void>(ahead);
    return 0;
  }
  /// The first n bytes of room() are new: runs what they complete.
  virtual void received(std::size_t n) = 0;
  /// The peer sends nothing more; what it asked is still answered.
  virtual void end_of_input() = 0;
  /// No request is taken from now on; what was taken is still answered.
  virtual void stop() = 0;

  /// Of one that does not want input because requests wait: whether they can go
  /// on now, by resume().
  virtual bool can_resume() const = 0;
  /// Whether its next request waits for the node to have seen more: to be asked
  /// again, by resume(), every turn.
  virtual bool waits_for_node() const = 0;
  virtual void resume() = 0;

  /// What is ready to be sent, chunks first; whoever sends it takes it away,
  /// and says what the peer took of it and how much he still holds.
  virtual bool has_output() = 0;
  virtual bool has_chunk() const = 0;
  virtual std::string take_chunk() = 0;
  virtual std::string& output() = 0;
  virtual void sent(std::size_t taken, std::size_t left) = 0;
  /// Output, sent() or not, that the peer has not taken.
  virtual std::size_t unsent_bytes() const = 0;

  /// A request is done. See ReplySink.
  virtual void complete(std::uint64_t sequence, std::string_view canonical_reply,
                        Replay replay) = 0;

  /// Whether requests have been answered since note_answered().
  virtual bool has_answered() const = 0;
  /// Their answers are given to the socket now; counts how long each took from its arrival.
  virtual void note_answered(Monotonic now, Latencies& into) = 0;

  /// A second has passed: cuts off who sends a request, or takes replies, too slowly.
  virtual void tick() = 0;

  /// Closes at once; `why` lives for ever. Empty: the peer has gone by itself.
  virtual void cut(std::string_view why) = 0;
  /// The connection is closed: nobody hears its replies any more.
  virtual void closed() {}
  /// cut(), for taking replies too slowly.
  virtual void evict(std::string_view why) = 0;
  /// To be closed when its output is sent.
  virtual bool finished() const = 0;
  /// To be closed at once, whatever is unsent; why_cut() says why.
  virtual bool cut_off() const = 0;
  virtual std::string_view why_cut() const = 0;
  virtual bool is_slow_reader() const = 0;

  /// The name in a certificate that the peer has shown, and that counts; empty: none.
  virtual void set_certified_name(std::string name) = 0;
};

/// Who holds a protocol's conversations.
class ConversationHost {
 public:
  virtual ~ConversationHost() = default;
  /// Those that are open and not cut off.
  virtual void for_each(absl::FunctionRef<void(Conversation&)> each) = 0;
  /// Something happened to it from without: it is looked at by the end of the turn.
  virtual void touch(Conversation& talk) = 0;
  /// The same, before all others: if it cannot be sent all that it has at once, it is cut.
  virtual void touch_first(Conversation& talk) { touch(talk); }
};

/// What is spoken at a port.
class Protocol {
 public:
  virtual ~Protocol() = default;

  virtual void set_host(ConversationHost& host) { static_cast<void>(host); }
  virtual void set_backend(Backend& backend) = 0;
  virtual std::unique_ptr<Conversation> converse(Peer peer, std::uint64_t ticket_connection) = 0;
  /// A bit that stands in the tickets of this port's connections, and no other's.
  virtual std::uint32_t ticket_mark() const { return 0; }
  /// For whoever is one connection too many.
  virtual std::string_view too_many() const = 0;
  /// Connections that say nothing are cut off after so long; 0: never.
  virtual void set_idle_seconds_max(int seconds) = 0;
  /// A second has passed.
  virtual void tick() {}
  virtual std::uint64_t commands_run() const = 0;
  /// Of those, answered with an error before anything was done.
  virtual std::uint64_t commands_refused() const = 0;
  virtual Clients& clients() = 0;
  /// Whom commands about clients are to show.
  virtual void set_clients(Clients& clients) = 0;
};

}  // namespace holdfast::server
