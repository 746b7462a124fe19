// SPDX-License-Identifier: Apache-2.0
#include "trial/proxy.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace holdfast::trial {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr milliseconds look_every{20};  // whether the link is whole again

}  // namespace

Proxy::Proxy(asio::io_context& io, Address to) : io_(io), to_(std::move(to)), acceptor_(io) {}

void Proxy::Pair::close() {
  error_code ignored;
  near.close(ignored);
  far.close(ignored);
}

Status Proxy::listen() {
  error_code failed;
  acceptor_.open(tcp::v4(), failed);
  if (!failed) acceptor_.bind({asio::ip::address_v4::loopback(), 0}, failed);
  if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return fail(Code::err, "a proxy cannot listen: " + failed.message());
  asio::co_spawn(io_, accept(), asio::detached);
  return {};
}

std::string Proxy::port() const {
  return std::to_string(acceptor_.local_endpoint().port());
}

void Proxy::cut() {
  cut_ = true;
}

void Proxy::heal() {
  cut_ = false;
  for (const auto& weak : std::exchange(pairs_, {})) {
    if (const auto pair = weak.lock()) pair->close();
  }
}

asio::awaitable<void> Proxy::accept() {
  while (true) {
    auto pair = std::make_shared<Pair>(io_);
    const auto [failed] = co_await acceptor_.async_accept(pair->near, as_result);
    if (failed) co_return;
    std::erase_if(pairs_, [](const auto& weak) { return weak.expired(); });
    pairs_.push_back(pair);
    asio::co_spawn(io_, serve(std::move(pair)), asio::detached);
  }
}

asio::awaitable<void> Proxy::serve(std::shared_ptr<Pair> pair) {
  while (cut_) co_await pause_for(look_every);
  tcp::resolver resolver(io_);
  const auto [unknown, endpoints] = co_await resolver.async_resolve(to_.host, to_.port, as_result);
  if (unknown) co_return pair->close();
  const auto [refused, endpoint] = co_await asio::async_connect(pair->far, endpoints, as_result);
  if (refused) co_return pair->close();
  error_code ignored;
  pair->near.set_option(tcp::no_delay(true), ignored);
  pair->far.set_option(tcp::no_delay(true), ignored);
  asio::co_spawn(io_, pump(pair, true), asio::detached);
  asio::co_spawn(io_, pump(pair, false), asio::detached);
}

asio::awaitable<void> Proxy::pump(std::shared_ptr<Pair> pair, bool forth) {
  tcp::socket& from = forth ? pair->near : pair->far;
  tcp::socket& to = forth ? pair->far : pair->near;
  std::vector<char> room(std::size_t{64} << 10);
  while (true) {
    const auto [ended, bytes] = co_await from.async_read_some(asio::buffer(room), as_result);
    while (cut_) co_await pause_for(look_every);
    if (ended) break;
    const auto [lost, written] =
        co_await asio::async_write(to, asio::buffer(room.data(), bytes), as_result);
    if (lost) break;
  }
  pair->close();
}

}  // namespace holdfast::trial
