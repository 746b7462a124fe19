// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "verify/history.h"

namespace holdfast::trial {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Address {
  std::string host;
  std::string port;
  std::string text() const { return host + ":" + port; }
};

/// As which service to sign in; without a name as nobody.
struct Login {
  std::string service;
  std::string token;
};

/// docs/errors.md: whether it may be otherwise at the next try.
bool may_pass(std::string_view error);

/// How coroutines here wait: for (error_code, …), nothing is thrown.
inline constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);

/// A command of these words. (GCC 12 takes no braced lists within a co_await.)
template <typename... Words>
verify::Command words(const Words&... all) {
  return {std::string(all)...};
}

/// What became of a request.
struct Called {
  enum class How : std::uint8_t {
    answered,
    not_sent,  // no connection: it had no effect
    lost,      // it may have had one
  };
  How how = How::not_sent;
  std::vector<verify::Answer> replies;  // where it was answered: one a command
  std::string why;                      // where not
  bool error() const {
    return !replies.empty() && replies.back().kind == verify::Answer::Kind::error;
  }
};

/// A connection to a node for one request at a time, made when there is need.
/// Of the io_context's thread.
class Connection {
 public:
  Connection(boost::asio::io_context& io, Address address, Login login);
  ~Connection();

  const Address& address() const { return address_; }
  /// Sends the commands together and waits for their replies. What takes longer
  /// than `patience` is lost, and the connection with it.
  boost::asio::awaitable<Called> call(const verify::Command& command, milliseconds patience) {
    return call(std::vector<verify::Command>(1, command), patience);
  }
  /// Where it `leaves`, it hangs up without waiting for an answer.
  boost::asio::awaitable<Called> call(std::vector<verify::Command> commands, milliseconds patience,
                                      bool leaves = false);
  void close();

 private:
  boost::asio::awaitable<bool> connect();
  boost::asio::awaitable<Called> exchange(std::vector<verify::Command> commands, bool leaves);

  boost::asio::io_context& io_;
  Address address_;
  Login login_;
  std::shared_ptr<boost::asio::ip::tcp::socket> socket_;  // shared with the deadline
  bool connected_ = false;
  std::string input_;
};

/// Waits; does not care when it is told to end early.
boost::asio::awaitable<void> pause_for(milliseconds time);

}  // namespace holdfast::trial
