// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <boost/asio/ip/tcp.hpp>
#include <span>

namespace holdfast::trial {

/// Which of these processes of ours made a connection over loopback: the one
/// that has the socket whose own end is `maker` and whose other end is `taker`.
/// 0: none of them, or none any more. As the kernel tells it, so that it works
/// for programs that do not say in a greeting who they are.
pid_t owner_of(const boost::asio::ip::tcp::endpoint& maker,
               const boost::asio::ip::tcp::endpoint& taker, std::span<const pid_t> processes);

}  // namespace holdfast::trial
