// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/ticket.h"
#include "base/units.h"
#include "node/own_caches.h"

namespace holdfast::node {

/// Holds back what acknowledges writes to strong keyspaces while caches at other nodes may be older
/// than they: until each keeper (CacheKeepers) has said that its clients have been told of
/// everything up to there, or must have cut them by itself (OwnCaches). Where no other node keeps
/// caches nothing is held. Decides only. One thread.
///
/// Who is not heard of in time is put out, by an entry of the log. Each node waits for it for
/// `patience` more from when it applied that: until then it may not have heard so, and live. A
/// later entry has it forgotten, for those who begin later and cannot know how long ago that was.
class OthersCaches final : public ReplySink {
 public:
  struct Parts {
    std::string node;
    const CacheKeepers& keepers;
    ReplySink& replies;
    /// Whether nobody but this node hears the reply: it is not held.
    std::function<bool(Ticket)> is_own;
    /// Puts it into the log; `done` when it has been answered, with an error too.
    std::function<void(const CatalogOperation&, std::function<void()> done)> append;
  };
  OthersCaches(Parts parts, const CacheTimes& times) : parts_(std::move(parts)), times_(times) {}

  /// Of an operation that was applied now.
  void complete(Ticket ticket, std::string_view canonical_reply, Replay replay) override;
  /// A node's word: its clients have been told of everything up to there.
  void told(std::string_view node, Position position);
  /// Lets go of what need not be held, and sees to nodes that are late. `applied`: how far the
  /// log is; what was completed since the last call is held for that.
  void turn(Position applied, Monotonic now);

  bool idle() const { return held_.empty(); }

  struct Counters {
    std::uint64_t held = 0;
    std::uint64_t given_up = 0;  // too much was held
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Held {
    Ticket ticket;
    std::string reply;
    Replay replay;
    Position position;
    Monotonic at{};
    std::size_t bytes() const { return reply.size() + sizeof(Held); }
  };
  struct Other {
    std::uint64_t number = 0;
    bool leaving = false;
    Monotonic since{};  // when this node first knew so
    bool saying = false;
    Monotonic not_before{};
  };
  void follow(Monotonic now);
  Position told_of(std::string_view node) const;
  Position told_by_all(Monotonic now) const;
  void let_go(Monotonic now);
  void see_to_late(Monotonic now);
  void say(const std::string& node, CacheChange change, Monotonic now);

  Parts parts_;
  const CacheTimes times_;
  std::map<std::string, Position, std::less<>> told_;
  std::map<std::string, Other, std::less<>> others_;
  std::deque<Held> held_;
  std::size_t unsettled_ = 0;  // the last of them
  std::size_t held_bytes_ = 0;
  Counters counters_;
};

}  // namespace holdfast::node
