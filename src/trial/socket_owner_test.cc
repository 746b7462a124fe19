// SPDX-License-Identifier: Apache-2.0
#include "trial/socket_owner.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>

namespace holdfast::trial {
namespace {

using boost::asio::ip::tcp;

TEST(SocketOwner, IsTheProcessThatConnected) {
  boost::asio::io_context io;
  tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  tcp::socket made(io), taken(io);
  made.connect(acceptor.local_endpoint());
  acceptor.accept(taken);
  const tcp::endpoint maker = taken.remote_endpoint(), taker = acceptor.local_endpoint();
  const std::array others{pid_t{0}, ::getppid()};
  const std::array all{pid_t{0}, ::getpid()};
  EXPECT_EQ(owner_of(maker, taker, all), ::getpid());
  EXPECT_EQ(owner_of(maker, tcp::endpoint(taker.address(), maker.port()), all), 0);
  EXPECT_EQ(owner_of(maker, taker, others), 0);
  made.close();
  EXPECT_EQ(owner_of(maker, taker, all), 0);
}

}  // namespace
}  // namespace holdfast::trial
