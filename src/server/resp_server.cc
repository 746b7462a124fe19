// SPDX-License-Identifier: Apache-2.0
#include "server/resp_server.h"

namespace holdfast::server {

RespProtocol::RespProtocol(const CommandTable& commands, std::size_t output_bytes_max)
    : context_(commands) {
  context_.clients = this;
  context_.output_bytes_max = output_bytes_max;
}

std::unique_ptr<Conversation> RespProtocol::converse(Peer peer, std::uint64_t ticket_connection) {
  return std::make_unique<Session>(context_, std::move(peer), ticket_connection);
}

void RespProtocol::for_each(absl::FunctionRef<void(Session&)> each) {
  // There are no others at this port.
  host_->for_each([&](Conversation& talk) { each(static_cast<Session&>(talk)); });
}

void RespProtocol::kill(Session& session) {
  session.cut("CLIENT KILL");
  host_->touch(session);
}

std::unique_ptr<SocketServer> make_resp_server(boost::asio::io_context& io,
                                               const CommandTable& commands,
                                               const Front::Options& options) {
  return std::make_unique<SocketServer>(
      io, std::make_unique<RespProtocol>(commands, options.output_bytes_max), options);
}

}  // namespace holdfast::server
