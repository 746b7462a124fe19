// SPDX-License-Identifier: Apache-2.0
#include "server/http_server.h"

namespace holdfast::server {

HttpProtocol::HttpProtocol(const CommandTable& commands, Options options)
    : context_(commands, std::move(options.pages)) {
  context_.events.set_state(std::move(options.state));
  context_.files = options.files;
  context_.trusts_network = options.trusts_network;
  context_.sessions.clients = this;
  context_.sessions.output_bytes_max = options.output_bytes_max;
}

void HttpProtocol::for_each(absl::FunctionRef<void(Session&)> each) {
  // There are no others at this port.
  host_->for_each(
      [&](Conversation& talk) { each(static_cast<HttpConversation&>(talk).session()); });
}

void HttpProtocol::kill(Session& session) {
  session.cut("CLIENT KILL");
  host_->touch(session);  // its ticket's connection is the conversation's
}

std::unique_ptr<Conversation> HttpProtocol::converse(Peer peer, std::uint64_t ticket_connection) {
  return std::make_unique<HttpConversation>(context_, std::move(peer), ticket_connection);
}

std::unique_ptr<SocketServer> make_http_server(boost::asio::io_context& io,
                                               const CommandTable& commands,
                                               const Front::Options& options,
                                               HttpProtocol::Options http) {
  http.output_bytes_max = options.output_bytes_max;
  return std::make_unique<SocketServer>(
      io, std::make_unique<HttpProtocol>(commands, std::move(http)), options);
}

}  // namespace holdfast::server
