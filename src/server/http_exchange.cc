// SPDX-License-Identifier: Apache-2.0
#include "server/http_exchange.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <sstream>

#include "base/limits.h"
#include "base/version.h"

namespace holdfast::server {
namespace {

namespace beast = boost::beast::http;

/// The path of a target in origin or absolute form.
std::string_view path_of(std::string_view target) {
  constexpr std::string_view scheme = "http://";
  if (target.starts_with(scheme)) {
    target.remove_prefix(scheme.size());
    target.remove_prefix(std::min(target.find_first_of("/?#"), target.size()));
  }
  target = target.substr(0, target.find_first_of("?#"));
  return target.empty() ? "/" : target;
}

}  // namespace

HttpExchange::HttpExchange(const HttpPages& pages)
    : pages_(pages), reader_(limits::http_page_body_bytes_max) {}

void HttpExchange::received(std::size_t n) {
  input_.filled(n);
  run_input();
}

void HttpExchange::end_of_input() {
  if (finished_) return;
  if (input_.unread().find_first_not_of("\r\n") != std::string_view::npos) {
    return refuse(400, "the request is cut off");
  }
  finished_ = true;
}

void HttpExchange::sent() {
  answered_ = true;
  seconds_ = 0;
  run_input();
}

void HttpExchange::run_input() {
  if (!wants_input() || input_.unread().empty()) return;
  switch (reader_.read(input_.unread())) {
    case http::Reader::Status::partial:
      return;
    case http::Reader::Status::bad:
      return refuse(reader_.refusal().status, reader_.refusal().why);
    case http::Reader::Status::request:
      break;
  }
  const std::string_view rest = input_.unread().substr(reader_.size());
  if (!reader_.keeps_alive() && rest.find_first_not_of("\r\n") != std::string_view::npos) {
    // Whoever sends on after asking for the end, or someone between us, does
    // not mean what we understood.
    return refuse(400, "more follows a request that ends the connection");
  }
  answer_request(input_.unread().substr(reader_.skipped(), reader_.size() - reader_.skipped()));
  if (finished_) return;
  input_.consume(reader_.size());
  reader_.next();
}

void HttpExchange::answer_request(std::string_view bytes) {
  beast::request_parser<beast::string_body> parser;
  parser.eager(true);
  parser.header_limit(static_cast<std::uint32_t>(limits::http_header_bytes_max));
  parser.body_limit(limits::http_page_body_bytes_max);
  boost::beast::error_code error;
  const std::size_t used = parser.put(boost::asio::buffer(bytes), error);
  // Two readers that differ about where a request ends are one too lenient.
  if (error || !parser.is_done() || used != bytes.size()) {
    return refuse(400, "the request is malformed");
  }
  const auto& request = parser.get();
  const bool is_head = request.method() == beast::verb::head;
  const bool keep_alive = reader_.keeps_alive();
  const std::string_view path = path_of({request.target().data(), request.target().size()});
  if (!is_head && request.method() != beast::verb::get) {
    return write(problem(405, "only GET and HEAD are offered here"), keep_alive, request.version(),
                 false);
  }
  write(pages_(path), keep_alive, request.version(), is_head);
}

void HttpExchange::write(const HttpAnswer& answer, bool keep_alive, unsigned version,
                         bool is_head) {
  beast::response<beast::string_body> response(static_cast<beast::status>(answer.status), version);
  response.set(beast::field::server, "holdfast");
  response.set(beast::field::content_type, answer.content_type);
  response.set(beast::field::cache_control, "no-store");
  if (answer.status == 405) response.set(beast::field::allow, "GET, HEAD");
  response.keep_alive(keep_alive);
  response.content_length(answer.body.size());
  if (!is_head) response.body() = answer.body;
  std::ostringstream text;
  text << response.base();
  output_ = std::move(text).str();
  output_ += response.body();
  if (!keep_alive) finished_ = true;
}

void HttpExchange::refuse(int status, std::string_view why) {
  constexpr unsigned http_1_1 = 11;
  write(problem(status, why), false, http_1_1, false);
}

HttpExchange::State HttpExchange::state() const {
  if (!output_.empty() || finished_) return State::answer;
  // A connection is opened to ask something: the first request is due at once.
  if (input_.unread().empty() && answered_) return State::idle;
  return reader_.in_body() ? State::body : State::head;
}

bool HttpExchange::tick() {
  if (const State now = state(); now != state_) {
    state_ = now;
    seconds_ = 0;
  }
  ++seconds_;
  switch (state_) {
    case State::idle:
      return seconds_ <= limits::http_idle_seconds_max;
    case State::head:
      return seconds_ <= limits::http_header_seconds_max;
    case State::body:
      return seconds_ <= limits::http_body_seconds_max;
    case State::answer:
      return seconds_ <= limits::http_answer_seconds_max;
  }
  return false;
}

}  // namespace holdfast::server
