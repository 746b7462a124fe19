// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/http_conversation.h"
#include "server/socket_server.h"

namespace holdfast::server {

inline constexpr std::uint32_t http_ticket_mark = 1U << 31;
/// Whether it is of a connection of the HTTP port.
inline bool is_http(Ticket ticket) {
  return (ticket.connection & http_ticket_mark) != 0;
}

/// HTTP/1.1: each connection is a conversation.
class HttpProtocol final : public Protocol, public Clients {
 public:
  struct Options {
    HttpPages pages;
    HttpEvents::State state;            // for streams; null: there is none to tell
    std::span<const StaticFile> files;  // at "/"
    std::size_t output_bytes_max = limits::output_bytes_max_default;
    bool trusts_network = false;  // see HttpContext
  };
  HttpProtocol(const CommandTable& commands, Options options);

  void set_backend(Backend& backend) override { context_.sessions.backend = &backend; }
  std::unique_ptr<Conversation> converse(Peer peer, std::uint64_t ticket_connection) override;
  std::uint32_t ticket_mark() const override { return http_ticket_mark; }
  std::string_view too_many() const override { return {}; }
  // HTTP has limits of its own.
  void set_idle_seconds_max(int) override {}
  void tick() override {
    context_.pages_left = limits::http_pages_per_second_max;
    context_.events.tick();
  }
  std::uint64_t commands_run() const override { return context_.sessions.commands_run; }
  std::uint64_t commands_refused() const override { return context_.sessions.commands_refused; }
  Clients& clients() override { return *this; }
  void set_clients(Clients& clients) override { context_.sessions.clients = &clients; }

  void set_host(ConversationHost& host) override { host_ = &host; }
  // Clients: the sessions inside.
  void for_each(absl::FunctionRef<void(Session&)> each) override;
  void kill(Session& session) override;
  void touch(Session&) override {}  // they have nothing to say but replies

 private:
  HttpContext context_;
  ConversationHost* host_ = nullptr;
};

/// The HTTP port.
std::unique_ptr<SocketServer> make_http_server(boost::asio::io_context& io,
                                               const CommandTable& commands,
                                               const Front::Options& options,
                                               HttpProtocol::Options http);

}  // namespace holdfast::server
