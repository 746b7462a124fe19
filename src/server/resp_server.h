// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/session.h"
#include "server/socket_server.h"

namespace holdfast::server {

/// RESP: each connection is a session.
class RespProtocol final : public Protocol, public Clients {
 public:
  RespProtocol(const CommandTable& commands, std::size_t output_bytes_max);

  void set_host(ConversationHost& host) override { host_ = &host; }
  void set_backend(Backend& backend) override { context_.backend = &backend; }
  std::unique_ptr<Conversation> converse(Peer peer, std::uint64_t ticket_connection) override;
  std::string_view too_many() const override { return "-ERR max number of clients reached\r\n"; }
  void set_idle_seconds_max(int seconds) override { context_.idle_seconds_max = seconds; }
  std::uint64_t commands_run() const override { return context_.commands_run; }
  std::uint64_t commands_refused() const override { return context_.commands_refused; }
  Clients& clients() override { return *this; }
  void set_clients(Clients& clients) override { context_.clients = &clients; }

  void for_each(absl::FunctionRef<void(Session&)> each) override;
  void kill(Session& session) override;
  void touch(Session& session) override { host_->touch(session); }
  void touch_first(Session& session) override { host_->touch_first(session); }

 private:
  SessionContext context_;
  ConversationHost* host_ = nullptr;
};

/// The RESP port.
std::unique_ptr<SocketServer> make_resp_server(boost::asio::io_context& io,
                                               const CommandTable& commands,
                                               const Front::Options& options);

}  // namespace holdfast::server
