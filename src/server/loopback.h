// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>
#include <string_view>

/// Real sockets for tests of the servers: everything on one thread, so a test
/// turns the server's loop by itself and waits for nothing but the kernel.
namespace holdfast::server::loopback {

using boost::asio::ip::tcp;

/// A client whose socket never blocks.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(io_) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    socket_.non_blocking(true);
  }

  /// As much as the kernel takes.
  std::size_t send(std::string_view bytes) {
    boost::system::error_code error;
    return socket_.write_some(boost::asio::buffer(bytes), error);
  }
  /// Appends what has come to heard(); notices the end.
  void listen() {
    char buffer[65'536];
    boost::system::error_code error;
    while (!closed_) {
      const std::size_t n = socket_.read_some(boost::asio::buffer(buffer), error);
      if (error == boost::asio::error::would_block) return;
      if (error) closed_ = true;
      heard_.append(buffer, n);
    }
  }
  std::string& heard() { return heard_; }
  bool closed() const { return closed_; }
  void stop_sending() { socket_.shutdown(tcp::socket::shutdown_send); }
  void close() { socket_.close(); }
  void set_receive_buffer(int bytes) {
    socket_.set_option(tcp::socket::receive_buffer_size(bytes));
  }

 private:
  boost::asio::io_context io_;
  tcp::socket socket_;
  std::string heard_;
  bool closed_ = false;
};

/// Both ends of many connections are ours.
inline void allow_many_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// Calls `turn` until `done`; fails after ten seconds.
template <typename Turn, typename Done>
void run_until(Turn turn, Done done) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done()) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "nothing happened";
    turn();
  }
}

}  // namespace holdfast::server::loopback
