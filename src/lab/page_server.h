// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::lab {

/// The lab's page, on loopback: the page itself, what happens as server-sent
/// events, and what the page asks for by POST. Only a page that came from here
/// may ask: a request's Host and Origin are checked, so that no other site in
/// the same browser breaks anything. One thread; it must outlive the
/// io_context's run.
///
/// Beast alone, not server/: this one streams and is asked by nobody else than
/// who started it.
class PageServer {
 public:
  struct Desk {
    std::string page;                             // HTML
    std::function<std::string()> all;             // JSON: what was and is, for who comes
    std::function<Status(std::string_view)> act;  // each is given a JSON text
    std::function<Status(std::string_view)> play;
    std::function<Status(std::string_view)> end;
  };
  PageServer(boost::asio::io_context& io, Desk desk);

  /// 0: any port.
  Status listen(std::uint16_t port);
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// To all that listen to events: a JSON text.
  void tell(const std::string& json);

 private:
  using Request = boost::beast::http::request<boost::beast::http::string_body>;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;
  using Socket = boost::asio::ip::tcp::socket;
  /// Somebody who listens to events.
  struct Listener {
    explicit Listener(boost::asio::io_context& io) : news(io) {}
    std::deque<std::string> unsent;
    boost::asio::steady_timer news;  // cancelled when there is something
    bool too_slow = false;
  };

  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> serve(std::shared_ptr<Socket> socket);
  boost::asio::awaitable<void> stream_events(std::shared_ptr<Socket> socket);
  boost::asio::awaitable<bool> send(std::shared_ptr<Socket> socket, std::string bytes);
  Response answer(const Request& request);
  Response post(const Request& request);
  /// Empty: it comes from our own page, or from no page at all.
  std::string_view complaint(const Request& request) const;

  boost::asio::io_context& io_;
  Desk desk_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::vector<std::weak_ptr<Listener>> listeners_;
  std::size_t connections_ = 0;
};

}  // namespace holdfast::lab
