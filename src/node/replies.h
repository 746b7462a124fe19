// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/ticket.h"
#include "node/command_watch.h"
#include "node/waiting_side.h"

namespace holdfast::node {

/// Stands between those who finish requests and the server: hands replies on,
/// and gathers those of a request that the node itself split in several.
class Replies final : public ReplySink {
 public:
  explicit Replies(ReplySink& next) : next_(next) {}

  /// Who hears which tickets are answered.
  void set_watch(CommandWatch& watch) { watch_ = &watch; }
  /// Who hears what attempts to take something came to.
  void set_waiting(WaitingPops& waiting) { waiting_ = &waiting; }

  /// Tickets for `parts` requests of the node's own. When all have been
  /// answered, `ticket` gets the first error among them, or `reply`.
  class Split {
   public:
    Ticket next() { return {own_connection, group_}; }

   private:
    friend class Replies;
    explicit Split(std::uint64_t group) : group_(group) {}
    std::uint64_t group_;
  };
  Split split(Ticket ticket, std::size_t parts, std::string reply) {
    const std::uint64_t group = ++last_group_;
    groups_.emplace(group, Group{ticket, parts, std::move(reply)});
    return Split(group);
  }

  /// A ticket for a request of the node's own; `done` gets its reply.
  Ticket own(std::function<void(std::string_view)> done) {
    const std::uint64_t group = ++last_group_;
    own_.emplace(group, std::move(done));
    return {own_connection, group};
  }

  /// Whether it is of such a request.
  bool is_own(Ticket ticket) const {
    return ticket.connection == own_connection && own_.contains(ticket.sequence);
  }

  void complete(Ticket ticket, std::string_view reply, Replay replay) override {
    if (watch_ != nullptr) watch_->replied(ticket);
    if (ticket.connection == WaitingSide::connection)
      return waiting_->tried(ticket.sequence, reply, replay);
    if (ticket.connection != own_connection) return next_.complete(ticket, reply, replay);
    if (auto own = own_.extract(ticket.sequence); !own.empty()) return own.mapped()(reply);
    const auto found = groups_.find(ticket.sequence);
    if (found == groups_.end()) return;
    Group& group = found->second;
    if (reply.starts_with('-') && !group.reply.starts_with('-')) group.reply = reply;
    if (--group.left > 0) return;
    next_.complete(group.ticket, group.reply, Replay::none);
    groups_.erase(found);
  }

 private:
  struct Group {
    Ticket ticket;
    std::size_t left;
    std::string reply;
  };
  static constexpr std::uint64_t own_connection = ~std::uint64_t{0};  // no connection's number

  ReplySink& next_;
  CommandWatch* watch_ = nullptr;
  WaitingPops* waiting_ = nullptr;
  std::uint64_t last_group_ = 0;
  std::unordered_map<std::uint64_t, Group> groups_;
  std::unordered_map<std::uint64_t, std::function<void(std::string_view)>> own_;
};

}  // namespace holdfast::node
