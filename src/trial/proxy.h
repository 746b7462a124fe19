// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "trial/connection.h"

namespace holdfast::trial {

/// A link that can be cut: listens on a loopback port and hands bytes on, both
/// ways, to where it leads. One thread; it must outlive the io_context's run.
class Proxy {
 public:
  Proxy(boost::asio::io_context& io, Address to);

  Status listen();
  std::string port() const;
  /// From now on nothing comes through, and nobody is told: what was under way
  /// stays so, and new connections are taken and lead nowhere.
  void cut();
  /// What was cut ends, and new connections come through.
  void heal();

 private:
  struct Pair {
    explicit Pair(boost::asio::io_context& io) : near(io), far(io) {}
    boost::asio::ip::tcp::socket near, far;
    void close();
  };
  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> serve(std::shared_ptr<Pair> pair);
  boost::asio::awaitable<void> pump(std::shared_ptr<Pair> pair, bool forth);

  boost::asio::io_context& io_;
  Address to_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::vector<std::weak_ptr<Pair>> pairs_;
  bool cut_ = false;
};

}  // namespace holdfast::trial
