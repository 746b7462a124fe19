// SPDX-License-Identifier: Apache-2.0
#include "lab/page_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/limits.h"
#include "trial/connection.h"

namespace holdfast::lab {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using trial::as_result;

namespace {

constexpr std::size_t events_unsent_max = 40;  // ten seconds of them
constexpr std::chrono::seconds request_patience{60};

std::string_view view_of(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

http::response<http::string_body> response_of(http::status status, std::string_view type,
                                              std::string body) {
  http::response<http::string_body> response(status, 11);
  response.set(http::field::content_type, boost::beast::string_view(type.data(), type.size()));
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Frame-Options", "DENY");
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

http::response<http::string_body> refusal(http::status status, std::string_view why) {
  return response_of(status, "application/json", nlohmann::json({{"error", why}}).dump());
}

std::string event_of(const std::string& json) {
  return "data: " + json + "\n\n";
}

}  // namespace

PageServer::PageServer(asio::io_context& io, Desk desk)
    : io_(io), desk_(std::move(desk)), acceptor_(io) {}

Status PageServer::listen(std::uint16_t port) {
  error_code failed;
  acceptor_.open(tcp::v4(), failed);
  if (!failed) acceptor_.set_option(asio::socket_base::reuse_address(true), failed);
  if (!failed) acceptor_.bind({asio::ip::address_v4::loopback(), port}, failed);
  if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
  if (failed)
    return fail(Code::err, fmt::format("the page cannot have port {}: {}; name another by --port",
                                       port, failed.message()));
  asio::co_spawn(io_, accept(), asio::detached);
  return {};
}

void PageServer::tell(const std::string& json) {
  std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
  for (const auto& weak : listeners_) {
    const auto listener = weak.lock();
    if (!listener) continue;
    // It gets all anew when it connects again.
    if (listener->unsent.size() >= events_unsent_max) listener->too_slow = true;
    listener->unsent.push_back(event_of(json));
    listener->news.cancel();
  }
}

asio::awaitable<void> PageServer::accept() {
  while (true) {
    auto socket = std::make_shared<Socket>(io_);
    const auto [failed] = co_await acceptor_.async_accept(*socket, as_result);
    if (failed) co_return;
    if (connections_ >= limits::lab_connections_max) continue;
    ++connections_;
    asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> PageServer::serve(std::shared_ptr<Socket> socket) {
  boost::beast::flat_buffer buffer(limits::lab_request_bytes_max);
  while (true) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(limits::lab_request_bytes_max);
    asio::steady_timer deadline(io_, request_patience);
    deadline.async_wait([socket](error_code cancelled) {
      error_code ignored;
      if (!cancelled) socket->close(ignored);
    });
    const auto [ended, bytes] = co_await http::async_read(*socket, buffer, parser, as_result);
    deadline.cancel();
    if (ended) break;
    const Request request = parser.release();
    if (request.method() == http::verb::get && request.target() == "/events" &&
        complaint(request).empty()) {
      co_await stream_events(socket);
      break;
    }
    const bool goes_on = request.keep_alive();
    Response response = answer(request);
    response.keep_alive(goes_on);
    std::ostringstream text;
    text << response;
    const bool sent = co_await send(socket, std::move(text).str());
    if (!sent || !goes_on) break;
  }
  error_code ignored;
  socket->shutdown(Socket::shutdown_both, ignored);
  socket->close(ignored);
  --connections_;
}

asio::awaitable<bool> PageServer::send(std::shared_ptr<Socket> socket, std::string bytes) {
  const auto [lost, written] = co_await asio::async_write(*socket, asio::buffer(bytes), as_result);
  co_return !lost;
}

asio::awaitable<void> PageServer::stream_events(std::shared_ptr<Socket> socket) {
  auto listener = std::make_shared<Listener>(io_);
  listeners_.push_back(listener);
  std::string next =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n" +
      event_of(desk_.all());
  while (true) {
    const bool sent = co_await send(socket, std::move(next));
    if (!sent || listener->too_slow) co_return;
    while (listener->unsent.empty()) {
      listener->news.expires_after(request_patience);
      co_await listener->news.async_wait(as_result);
    }
    next = std::move(listener->unsent.front());
    listener->unsent.pop_front();
  }
}

std::string_view PageServer::complaint(const Request& request) const {
  // A name that somebody else's DNS leads here is not this host.
  const std::string_view host = view_of(request[http::field::host]);
  const std::string by_number = fmt::format("127.0.0.1:{}", port());
  const std::string by_name = fmt::format("localhost:{}", port());
  if (host != by_number && host != by_name) return "the Host is not this one";
  const auto origin = request.find(http::field::origin);
  if (origin != request.end() && view_of(origin->value()) != "http://" + std::string(host))
    return "the Origin is another page";
  return {};
}

PageServer::Response PageServer::answer(const Request& request) {
  if (const std::string_view why = complaint(request); !why.empty())
    return refusal(http::status::forbidden, why);
  if (request.method() == http::verb::post) return post(request);
  if (request.method() != http::verb::get)
    return refusal(http::status::method_not_allowed, "GET and POST are offered here");
  if (request.target() == "/") {
    Response page = response_of(http::status::ok, "text/html; charset=utf-8", desk_.page);
    page.set(
        "Content-Security-Policy",
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    return page;
  }
  if (request.target() == "/live.json")
    return response_of(http::status::ok, "application/json", desk_.all());
  return refusal(http::status::not_found, "nothing is here; the page is at /");
}

PageServer::Response PageServer::post(const Request& request) {
  // A form of another site cannot send this type, and a script there has to ask first.
  if (view_of(request[http::field::content_type]) != "application/json")
    return refusal(http::status::unsupported_media_type, "only application/json is taken");
  const std::string_view target = view_of(request.target());
  const auto& asked = target == "/act" ? desk_.act : target == "/play" ? desk_.play : desk_.end;
  if (target != "/act" && target != "/play" && target != "/end")
    return refusal(http::status::not_found, "POST goes to /act, /play or /end");
  if (const Status done = asked(request.body()); !done)
    return refusal(http::status::bad_request, done.error().message);
  return response_of(http::status::ok, "application/json", "{}");
}

}  // namespace holdfast::lab
