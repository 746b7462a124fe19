// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <unordered_set>

#include "server/front.h"
#include "server/http_server.h"

namespace holdfast::node {

/// Where clients come to a node: the RESP port, and the HTTP port where there is one. Together
/// they are looked after as one.
class Fronts final : public ReplySink {
 public:
  Fronts(std::unique_ptr<server::Front> resp, std::unique_ptr<server::Front> http)
      : resp_(std::move(resp)), http_(std::move(http)), everyone_(*this) {
    if (http_ == nullptr) return;  // RESP's are all there are
    each([&](server::Front& front) { front.set_clients(everyone_); });
  }

  server::Front& resp() { return *resp_; }
  /// nullptr: there is none.
  server::Front* http() { return http_.get(); }

  void complete(Ticket ticket, std::string_view reply, Replay replay) override {
    if (!server::is_http(ticket)) return resp_->complete(ticket, reply, replay);
    if (http_) http_->complete(ticket, reply, replay);
  }
  void set_backend(server::Backend& backend) {
    each([&](server::Front& front) { front.set_backend(backend); });
  }
  void flush() {  // RESP first: there are those who have to be told before others are answered
    each([](server::Front& front) { front.flush(); });
  }
  void stop_accepting() {
    each([](server::Front& front) { front.stop_accepting(); });
  }
  void stop_reading() {
    each([](server::Front& front) { front.stop_reading(); });
  }
  void close_all() {
    each([](server::Front& front) { front.close_all(); });
  }
  void abort_all() {
    each([](server::Front& front) { front.abort_all(); });
  }
  void set_connections_max(std::size_t connections) {
    each([&](server::Front& front) { front.set_connections_max(connections); });
  }
  /// HOST:PORT and name of who asked; empty: he has gone.
  std::pair<std::string, std::string> client_of(Ticket ticket) {
    std::pair<std::string, std::string> found;
    each([&](server::Front& front) {
      if (front.clients() == nullptr) return;
      front.clients()->for_each([&](server::Session& session) {
        if (session.ticket_connection() == ticket.connection)
          found = {session.peer().address, session.labels().name};
      });
    });
    return found;
  }
  /// As tickets name them.
  std::unordered_set<std::uint64_t> connections() {
    std::unordered_set<std::uint64_t> open;
    each([&](server::Front& front) {
      if (front.clients() == nullptr) return;
      front.clients()->for_each(
          [&](server::Session& session) { open.insert(session.ticket_connection()); });
    });
    return open;
  }
  std::size_t unsent_bytes() const {
    return resp_->unsent_bytes() + (http_ ? http_->unsent_bytes() : 0);
  }
  /// Clients with whom TLS was not agreed.
  std::uint64_t tls_failed() const {
    return resp_->counters().tls_failed + (http_ ? http_->counters().tls_failed : 0);
  }

 private:
  /// The clients of both ports.
  class Everyone final : public server::Clients {
   public:
    explicit Everyone(Fronts& fronts) : fronts_(fronts) {}
    void for_each(absl::FunctionRef<void(server::Session&)> each) override {
      fronts_.each([&](server::Front& front) { front.clients()->for_each(each); });
    }
    void kill(server::Session& session) override {
      const bool http = server::is_http({session.ticket_connection(), 0});
      (http ? *fronts_.http_ : *fronts_.resp_).clients()->kill(session);
    }
    void touch(server::Session& session) override {
      const bool http = server::is_http({session.ticket_connection(), 0});
      (http ? *fronts_.http_ : *fronts_.resp_).clients()->touch(session);
    }
    // Over HTTP nobody is told of changes.
    void touch_first(server::Session& session) override {
      fronts_.resp_->clients()->touch_first(session);
    }

   private:
    Fronts& fronts_;
  };

  template <typename Act>
  void each(Act act) {
    act(*resp_);
    if (http_) act(*http_);
  }

  std::unique_ptr<server::Front> resp_;
  std::unique_ptr<server::Front> http_;
  Everyone everyone_;
};

}  // namespace holdfast::node
