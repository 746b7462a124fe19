// SPDX-License-Identifier: Apache-2.0
#include "trial/proxy.h"

#include <poll.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace holdfast::trial {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr milliseconds look_every{20};  // whether the link is whole again
constexpr std::size_t piece_bytes = std::size_t{64} << 10;

/// Whether its peer has ended it, whatever it sent before.
bool is_hung_up(tcp::socket& socket) {
  pollfd asked{.fd = socket.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&asked, 1, 0) > 0;
}

}  // namespace

Proxy::Proxy(asio::io_context& io, Address to, Link& link)
    : Proxy(io, std::move(to), [&link](const tcp::endpoint&, const tcp::endpoint&) {
        return std::optional(Bearing{.link = &link});
      }) {}

Proxy::Proxy(asio::io_context& io, Address to, Choose choose)
    : io_(io), to_(std::move(to)), choose_(std::move(choose)), acceptor_(io) {}

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

asio::awaitable<void> Proxy::accept() {
  while (true) {
    auto pair = std::make_shared<Pair>(io_);
    const auto [failed] = co_await acceptor_.async_accept(pair->near, as_result);
    if (failed) co_return;
    error_code gone;
    const tcp::endpoint maker = pair->near.remote_endpoint(gone);
    if (gone) continue;
    const auto bearing = choose_(maker, acceptor_.local_endpoint());
    if (!bearing) continue;
    bearing->link->carry(pair);
    asio::co_spawn(io_, serve(std::move(pair), *bearing), asio::detached);
  }
}

asio::awaitable<void> Proxy::serve(std::shared_ptr<Pair> pair, Bearing bearing) {
  // A connection needs both ways to come about.
  while (bearing.link->is_cut()) {
    co_await pause_for(look_every);
    // Who has given up comes again, and again: they are not to gather here.
    if (pair->near.is_open() && is_hung_up(pair->near)) co_return pair->close();
  }
  if (!pair->near.is_open()) co_return;
  tcp::resolver resolver(io_);
  const auto [unknown, endpoints] = co_await resolver.async_resolve(to_.host, to_.port, as_result);
  if (unknown) co_return pair->close();
  const auto [refused, endpoint] = co_await asio::async_connect(pair->far, endpoints, as_result);
  if (refused) co_return pair->close();
  error_code ignored;
  pair->near.set_option(tcp::no_delay(true), ignored);
  pair->far.set_option(tcp::no_delay(true), ignored);
  const auto stream = [&](bool out) {
    return std::make_shared<Stream>(Stream{.pair = pair,
                                           .link = bearing.link,
                                           .way = out ? bearing.out : opposite(bearing.out),
                                           .replies = !out,
                                           .from = out ? pair->near : pair->far,
                                           .to = out ? pair->far : pair->near,
                                           .late = {}});
  };
  asio::co_spawn(io_, pump(stream(true)), asio::detached);
  asio::co_spawn(io_, pump(stream(false)), asio::detached);
}

asio::awaitable<void> Proxy::pump(std::shared_ptr<Stream> stream) {
  Link& link = *stream->link;
  std::vector<char> room(piece_bytes);
  while (true) {
    const auto [ended, bytes] =
        co_await stream->from.async_read_some(asio::buffer(room), as_result);
    while (link.is_cut(stream->way)) co_await pause_for(look_every);
    if (ended) break;
    if (stream->replies && link.loses_this_reply()) stream->pair->mute = true;
    if (stream->replies && stream->pair->mute) continue;
    link.passed(stream->way, bytes);
    const bool passes = co_await hand_on(stream, std::string(room.data(), bytes));
    if (!passes) break;
  }
  // What is on its way still arrives, where both ends are there to see it.
  while (stream->delivering && stream->to.is_open()) co_await pause_for(look_every);
  stream->pair->close();
}

/// False: the connection is at its end.
asio::awaitable<bool> Proxy::hand_on(std::shared_ptr<Stream> stream, std::string bytes) {
  const auto takes = stream->link->passage();
  if (!takes) co_return false;
  if (takes->count() == 0 && !stream->delivering) {
    const auto [lost, written] =
        co_await asio::async_write(stream->to, asio::buffer(bytes), as_result);
    co_return !lost;
  }
  while (stream->late_bytes > limits::link_late_bytes_max && stream->to.is_open())
    co_await pause_for(look_every);
  // A stream keeps its order: what follows a late piece is as late.
  auto due = Clock::now() + *takes;
  if (!stream->late.empty()) due = std::max(due, stream->late.back().due);
  stream->late_bytes += bytes.size();
  stream->late.push_back({due, std::move(bytes)});
  if (!std::exchange(stream->delivering, true))
    asio::co_spawn(io_, deliver_late(stream), asio::detached);
  co_return stream->to.is_open();
}

asio::awaitable<void> Proxy::deliver_late(std::shared_ptr<Stream> stream) {
  asio::steady_timer timer(io_);
  while (!stream->late.empty()) {
    timer.expires_at(stream->late.front().due);
    co_await timer.async_wait(as_result);
    while (stream->link->is_cut(stream->way)) co_await pause_for(look_every);
    const std::string bytes = std::move(stream->late.front().bytes);
    stream->late.pop_front();
    const auto [lost, written] =
        co_await asio::async_write(stream->to, asio::buffer(bytes), as_result);
    stream->late_bytes -= bytes.size();
    if (lost) {
      stream->pair->close();
      break;
    }
  }
  stream->delivering = false;
}

}  // namespace holdfast::trial
