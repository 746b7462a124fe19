// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "trial/connection.h"
#include "trial/link.h"

namespace holdfast::trial {

/// Listens on a loopback port and hands bytes on, both ways, to where it leads,
/// as the link allows by which they go. One thread; it must outlive the
/// io_context's run, and the links it.
class Proxy {
 public:
  /// By which link a connection goes, and which way goes what its maker sends.
  struct Bearing {
    Link* link = nullptr;
    Way out = Way::forth;
  };
  /// Nothing: nobody known made it; it is hung up.
  using Choose = std::function<std::optional<Bearing>(const boost::asio::ip::tcp::endpoint& maker,
                                                      const boost::asio::ip::tcp::endpoint& proxy)>;

  Proxy(boost::asio::io_context& io, Address to, Link& link);
  /// Where several links end at one address: of whom a connection comes decides.
  Proxy(boost::asio::io_context& io, Address to, Choose choose);

  Status listen();
  std::string port() const;

 private:
  struct Piece {
    Clock::time_point due;
    std::string bytes;
  };
  /// One way of one connection.
  struct Stream {
    std::shared_ptr<Pair> pair;
    Link* link;
    Way way;
    bool replies;
    boost::asio::ip::tcp::socket& from;
    boost::asio::ip::tcp::socket& to;
    std::deque<Piece> late;  // on their way
    std::size_t late_bytes = 0;
    bool delivering = false;
  };

  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> serve(std::shared_ptr<Pair> pair, Bearing bearing);
  boost::asio::awaitable<void> pump(std::shared_ptr<Stream> stream);
  boost::asio::awaitable<bool> hand_on(std::shared_ptr<Stream> stream, std::string bytes);
  boost::asio::awaitable<void> deliver_late(std::shared_ptr<Stream> stream);

  boost::asio::io_context& io_;
  Address to_;
  Choose choose_;
  boost::asio::ip::tcp::acceptor acceptor_;
};

}  // namespace holdfast::trial
