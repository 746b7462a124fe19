// SPDX-License-Identifier: Apache-2.0
#include "trial/connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "verify/resp.h"

namespace holdfast::trial {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

bool may_pass(std::string_view error) {
  static constexpr std::array codes = {"UNAVAILABLE", "BUSY", "UNKNOWN", "EXECABORT"};
  const std::string_view code = error.substr(0, error.find(' '));
  return std::ranges::find(codes, code) != codes.end();
}

asio::awaitable<void> pause_for(milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(as_result);
}

Connection::Connection(asio::io_context& io, Address address, Login login)
    : io_(io), address_(std::move(address)), login_(std::move(login)) {}

Connection::~Connection() {
  close();
}

void Connection::close() {
  error_code ignored;
  if (socket_) socket_->close(ignored);
  socket_.reset();
  connected_ = false;
  input_.clear();
}

asio::awaitable<bool> Connection::connect() {
  tcp::resolver resolver(io_);
  const auto socket = socket_;
  const auto [unknown, endpoints] =
      co_await resolver.async_resolve(address_.host, address_.port, as_result);
  if (unknown) co_return false;
  const auto [refused, endpoint] = co_await asio::async_connect(*socket, endpoints, as_result);
  if (refused) co_return false;
  error_code ignored;
  socket->set_option(tcp::no_delay(true), ignored);
  if (login_.service.empty()) co_return true;
  std::vector<verify::Command> sign_in(1, words("AUTH", login_.service, login_.token));
  const Called signed_in = co_await exchange(std::move(sign_in), false);
  co_return signed_in.how == Called::How::answered && !signed_in.error();
}

asio::awaitable<Called> Connection::call(std::vector<verify::Command> commands,
                                         milliseconds patience, bool leaves) {
  if (!socket_) socket_ = std::make_shared<tcp::socket>(io_);
  const auto socket = socket_;
  // The end of its patience closes the socket, which ends whatever waits for it.
  asio::steady_timer deadline(io_, patience);
  deadline.async_wait([socket](error_code cancelled) {
    error_code ignored;
    if (!cancelled) socket->close(ignored);
  });
  if (!connected_ && !co_await connect()) {
    close();
    co_return Called{.how = Called::How::not_sent, .replies = {}, .why = "no connection"};
  }
  connected_ = true;
  co_return co_await exchange(std::move(commands), leaves);
}

asio::awaitable<Called> Connection::exchange(std::vector<verify::Command> commands, bool leaves) {
  const auto socket = socket_;
  const auto lost = [this](std::string why) {
    close();
    return Called{.how = Called::How::lost, .replies = {}, .why = std::move(why)};
  };
  std::string request;
  for (const verify::Command& command : commands) verify::encode_request(command, request);
  const auto [unsent, written] =
      co_await asio::async_write(*socket, asio::buffer(request), as_result);
  if (unsent) co_return lost(unsent.message());
  if (leaves) co_return lost("left before the answer");
  Called called{.how = Called::How::answered, .replies = {}, .why = {}};
  std::array<char, 8192> room{};
  while (true) {
    auto reply = verify::take_reply(input_);
    if (!reply) co_return lost(reply.error().message);
    if (*reply) {
      called.replies.push_back(**std::move(reply));
      if (called.replies.size() == commands.size()) co_return called;
      continue;
    }
    const auto [ended, bytes] = co_await socket->async_read_some(asio::buffer(room), as_result);
    if (ended) co_return lost(ended.message());
    input_.append(room.data(), bytes);
  }
}

}  // namespace holdfast::trial
