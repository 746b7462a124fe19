// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/fake_backend.h"
#include "server/session.h"

/// Sessions without sockets, for tests: say bytes, hear bytes.
namespace holdfast::server::fake {

inline std::string encoded(const std::vector<std::string>& args) {
  std::string bytes = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    bytes += "$" + std::to_string(arg.size()) + "\r\n";
    bytes += arg;
    bytes += "\r\n";
  }
  return bytes;
}

/// Several sessions on one fake backend. Sessions are never destroyed.
class World final : public Clients, public ReplySink {
 public:
  World() : context(commands()) {
    context.backend = &backend;
    context.clients = this;
  }

  Session& connect() {
    const auto id = sessions_.size() + 1;
    Peer peer{.id = id,
              .address = "127.0.0.1:" + std::to_string(10'000 + id),
              .local_address = "127.0.0.1:7379",
              .descriptor = 7};
    sessions_.push_back(std::make_unique<Session>(context, std::move(peer), id));
    return *sessions_.back();
  }

  void for_each(absl::FunctionRef<void(Session&)> each) override {
    for (const auto& session : sessions_) {
      if (!session->cut_off()) each(*session);
    }
  }
  void kill(Session& session) override { session.cut("killed"); }
  void touch(Session& session) override { touched.push_back(&session); }
  void complete(Ticket ticket, std::string_view reply, Replay replay) override {
    sessions_.at(ticket.connection - 1)->complete(ticket.sequence, reply, replay);
  }

  Backend backend;
  SessionContext context;
  std::vector<Session*> touched;

 private:
  std::vector<std::unique_ptr<Session>> sessions_;
};

/// Gives the session bytes, in pieces of at most `piece`, as far as it takes them.
inline void feed(Session& session, std::string_view bytes, std::size_t piece = 1 << 20) {
  while (!bytes.empty() && session.wants_input()) {
    const auto room = session.room();
    const std::size_t n = std::min({bytes.size(), room.size(), piece});
    bytes.copy(room.data(), n);
    bytes.remove_prefix(n);
    session.received(n);
  }
}

inline std::string hear(Session& session) {
  std::string heard;
  while (session.has_chunk()) heard += session.take_chunk();
  return heard + std::exchange(session.output(), {});
}

/// A conversation with one session.
class Talk {
 public:
  std::string say(std::string_view bytes) {
    feed(session, bytes);
    return hear(session);
  }
  std::string ask(const std::vector<std::string>& args) { return say(encoded(args)); }
  /// A line as redis-cli takes it.
  std::string line(std::string_view text) { return say(std::string(text) + "\r\n"); }
  std::string complete_all() {
    for (;;) {
      world.backend.complete_all(world);
      if (!session.can_resume()) return hear(session);
      session.resume();
    }
  }

  World world;
  Backend& backend = world.backend;
  Session& session = world.connect();
};

}  // namespace holdfast::server::fake
