// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "mesh/transport.h"

namespace holdfast::mesh {

/// TCP, on the thread that runs the io_context, which outlives it.
class SocketTransport final : public Transport {
 public:
  explicit SocketTransport(boost::asio::io_context& io) : io_(io) {}
  std::unique_ptr<Attempt> dial(const std::string& address, Done done) override;

 private:
  boost::asio::io_context& io_;
};

/// A connected socket's bytes.
std::unique_ptr<ByteStream> make_socket_stream(boost::asio::ip::tcp::socket socket);

}  // namespace holdfast::mesh
