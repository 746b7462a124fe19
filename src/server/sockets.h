// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"
#include "server/front.h"

namespace holdfast::server {

/// Asio's types with the executor known, which spares a virtual call at each
/// operation.
using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor>;
using Timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Endpoint = boost::asio::ip::tcp::endpoint;

/// "HOST:PORT", IPv6 in brackets; port 0 takes any free one.
Result<Endpoint> endpoint_of(std::string_view host_and_port, Reach reach);

/// Binds and listens, not blocking.
Status listen_on(Acceptor& acceptor, const Endpoint& endpoint);

/// What both servers want of a connection: no blocking, no delay of small
/// writes, and word of a peer that is gone.
void prepare(Socket& socket);

std::string text_of(const Endpoint& endpoint);

}  // namespace holdfast::server
