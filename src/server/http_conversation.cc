// SPDX-License-Identifier: Apache-2.0
#include "server/http_conversation.h"

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"
#include "server/http_openapi.h"

namespace holdfast::server {

HttpConversation::HttpConversation(HttpContext& context, Peer peer, std::uint64_t ticket_connection)
    : context_(context),
      session_(context.sessions, std::move(peer), ticket_connection, this),
      reader_(limits::http_body_bytes_max) {}

bool HttpConversation::wants_input() const {
  return !ended_ && !input_ended_ && !stopped_ && wait_ == Wait::nothing && session_.wants_input();
}

void HttpConversation::received(std::size_t n) {
  input_.filled(n);
  arrived_at_ = context_.sessions.backend->monotonic();
  run_arrived();
}

void HttpConversation::end_of_input() {
  input_ended_ = true;
  run_arrived();
}

void HttpConversation::run_arrived() {
  run_input();
  arrivals_.took(taken_, arrived_at_);
}

void HttpConversation::stop() {
  stopped_ = true;
  if (!stream_) return;
  // Who is behind with a stream misses one picture more: a stopping node does not wait for it.
  if (left_ > 0) return cut({});
  end_stream();
}

bool HttpConversation::can_resume() const {
  if (session_.cut_off()) return false;
  if (session_.can_resume()) return true;
  switch (wait_) {
    case Wait::nothing:
      return false;
    case Wait::session:
      return session_.wants_input();
    case Wait::quiet:
      return exchanges_.empty();
    case Wait::requests:
      return exchanges_.size() <= limits::http_pipelined_max / 2;
    case Wait::output:
      return unsent_bytes() <= context_.sessions.output_bytes_max / 2;
    case Wait::pages:
      return context_.pages_left > 0;
  }
  return false;
}

void HttpConversation::resume() {
  if (session_.can_resume() || session_.waits_for_node()) session_.resume();
  run_arrived();
}

bool HttpConversation::wait_for(Wait what) {
  wait_ = what;
  return false;
}

void HttpConversation::run_input() {
  wait_ = Wait::nothing;
  while (!session_.cut_off()) {
    if (!feed()) return;
    if (ended_ || stopped_) return;
    if (over_output_limit()) return void(wait_for(Wait::output));
    if (exchanges_.size() >= limits::http_pipelined_max) return void(wait_for(Wait::requests));
    if (!read_request()) return;
  }
}

/// Gives the session what it has not taken yet of a request's commands. False: it takes no more
/// now.
bool HttpConversation::feed() {
  const std::string& bytes = commands_.bytes();
  while (fed_ < bytes.size()) {
    if (session_.finished()) cut("the session has ended");
    if (!session_.wants_input()) return wait_for(Wait::session);
    const std::span<char> room = session_.room();
    const std::size_t n = std::min(room.size(), bytes.size() - fed_);
    bytes.copy(room.data(), n, fed_);
    fed_ += n;
    session_.received(n);
  }
  if (fed_ > 0) {
    commands_.clear();
    // What a large request took in there, too, is given back.
    if (fed_ > limits::read_buffer_bytes && session_.wants_input()) {
      session_.give_back_room();
      session_.room();
    }
    fed_ = 0;
  }
  // A session that waits holds commands of this request: the next one must not overtake them.
  return session_.wants_input() || wait_for(Wait::session);
}

/// False: there is none to take now.
bool HttpConversation::read_request() {
  const std::string_view unread = input_.unread();
  switch (unread.empty() ? http::Reader::Status::partial : reader_.read(unread)) {
    case http::Reader::Status::partial:
      if (!look_at_partial()) return false;
      if (!input_ended_) return false;
      if (unread.find_first_not_of("\r\n") != std::string_view::npos)
        refuse(problem(400, "the request is cut off"));
      ended_ = true;
      return false;
    case http::Reader::Status::bad:
      refuse(problem(reader_.refusal().status, reader_.refusal().why));
      return false;
    case http::Reader::Status::request:
      break;
  }
  const std::string_view rest = unread.substr(reader_.size());
  if (!reader_.keeps_alive() && rest.find_first_not_of("\r\n") != std::string_view::npos) {
    // Whoever sends on after asking for the end, or someone between us, does
    // not mean what we understood.
    refuse(problem(400, "more follows a request that ends the connection"));
    return false;
  }
  const bool ends = !reader_.keeps_alive();
  if (!take(unread.substr(reader_.skipped(), reader_.size() - reader_.skipped()))) return false;
  ended_ = ended_ || ends;
  input_.consume(reader_.size());
  reader_.next();
  if (!request_.unchunked.empty()) std::string().swap(request_.unchunked);
  partial_looked_at_ = head_looked_at_ = false;
  return true;
}

/// Of a request whose body is still to come: whether it may.
bool HttpConversation::look_at_partial() {
  if (partial_looked_at_ || !reader_.in_body()) return true;
  http::Request request;
  const std::string_view unread = input_.unread();
  const std::string_view head =
      unread.substr(reader_.skipped(), reader_.head_size() - reader_.skipped());
  const bool is_head = unread.size() == reader_.head_size() && !head_looked_at_;
  const bool is_much = unread.size() > limits::http_unauthenticated_body_bytes_max;
  if (!is_head && !is_much) return true;
  http::take_apart(head, request);
  if (is_head) {
    head_looked_at_ = true;
    // Who does not get this word sends the body by himself after a second.
    const auto expect = request.header(http::Header::expect);
    if (expect && exchanges_.empty() && http::equals_nocase(*expect, "100-continue"))
      output_ += "HTTP/1.1 100 Continue\r\n\r\n";
    return true;
  }
  partial_looked_at_ = true;
  std::swap(request, request_);
  auto caller = who_asks();
  if (caller && (caller->value != 0 || !context_.sessions.backend->must_sign_in())) return true;
  refuse(caller ? problem(Error{Code::no_auth, "Authentication required."})
                : problem(caller.error()));
  return false;
}

/// False: it must wait, and is taken again then.
bool HttpConversation::take(std::string_view bytes) {
  http::take_apart(bytes, request_);
  const HttpManner manner{.keep_alive = reader_.keeps_alive(),
                          .minor_version = request_.minor_version,
                          .is_head = request_.method == "HEAD"};
  if (!request_.twice.empty()) {
    answer(problem(400, "two " + std::string(request_.twice)), manner);
    return true;
  }
  Routed routed = find_route(context_.sessions.commands, request_);
  if (routed.route == nullptr) {
    answer(std::move(*routed.refused), manner);
    return true;
  }
  if (routed.route->answering == Answering::page || routed.route->answering == Answering::file)
    return show_page(*routed.route, manner);
  if (routed.route->answering == Answering::stream) return begin_stream(manner);
  return ask(*routed.route, std::move(routed.names), manner);
}

bool HttpConversation::show_page(const Route& route, const HttpManner& manner) {
  if (context_.pages_left <= 0) return wait_for(Wait::pages);
  --context_.pages_left;
  if (route.answering == Answering::file) {
    answer(answer_file(context_.files, request_), manner);
    return true;
  }
  if (request_.path == "/openapi.json") {
    static const std::string document = openapi_document();
    answer({200, std::string(json_type), document, {}}, manner);
    return true;
  }
  const ServiceId caller = who_asks().value_or(ServiceId{});
  answer(context_.pages({.path = request_.path, .from = peer().address, .caller = caller}), manner);
  return true;
}

bool HttpConversation::ask(const Route& route, std::vector<std::string> names,
                           const HttpManner& manner) {
  Backend& backend = *context_.sessions.backend;
  const bool must_sign_in = backend.must_sign_in();
  const auto refuse_with = [&](HttpAnswer refusal) {
    answer(std::move(refusal), manner);
    return true;
  };
  if (auto refused = refuse_foreign(request_, !must_sign_in && !context_.trusts_network))
    return refuse_with(std::move(*refused));
  const auto caller = admit();
  if (!caller) return refuse_with(problem(caller.error()));
  if (route.takes_json) {
    const bool by_token = must_sign_in && request_.header(http::Header::authorization);
    if (auto refused = refuse_other_types(request_, by_token))
      return refuse_with(std::move(*refused));
  }
  if (*caller != session_.caller()) {
    if (!exchanges_.empty()) return wait_for(Wait::quiet);
    session_.sign_in(*caller);
  }
  const auto wrapping = wrapping_of(request_);
  if (!wrapping) return refuse_with(problem(wrapping.error()));
  commands_.clear();
  fed_ = 0;
  Asking asking{.request = request_,
                .commands = context_.sessions.commands,
                .wrapping = *wrapping,
                .names = std::move(names),
                .backend = backend,
                .out = commands_,
                .note = {}};
  if (auto refused = route.ask(asking)) {
    commands_.clear();
    return refuse_with(std::move(*refused));
  }
  JsonStyle style;
  style.resp2 = !route.as_objects;
  if (const auto encoding = request_.header(http::Header::upstash_encoding))
    style.base64 = http::equals_nocase(*encoding, "base64");
  const bool tells_token = request_.header(http::Header::holdfast_token).has_value() ||
                           request_.header(http::Header::upstash_sync_token).has_value();
  HttpManner mine = manner;
  // A long answer to these ends with the connection, where there are no chunks.
  if (mine.minor_version == 0 && route.answering == Answering::commands) mine.keep_alive = false;
  if (!mine.keep_alive) ended_ = true;
  exchanges_.emplace_back(mine, route, style, tells_token, commands_.count(),
                          std::move(asking.note));
  ++taken_;
  answered_ = true;
  return true;
}

/// Who asks, where that is enough to be answered.
Result<ServiceId> HttpConversation::admit() {
  const auto caller = who_asks();
  if (caller && caller->value == 0 && context_.sessions.backend->must_sign_in())
    return fail(Code::no_auth, "Authentication required.");
  return caller;
}

bool HttpConversation::begin_stream(const HttpManner& manner) {
  const auto answer_with = [&](HttpAnswer told) {
    answer(std::move(told), manner);
    return true;
  };
  const bool checks_host = !context_.sessions.backend->must_sign_in() && !context_.trusts_network;
  if (auto refused = refuse_foreign(request_, checks_host)) return answer_with(std::move(*refused));
  const auto caller = admit();
  if (!caller) return answer_with(problem(caller.error()));
  if (manner.is_head) return answer_with({200, std::string(event_stream_type), {}, {}});
  if (!exchanges_.empty()) return wait_for(Wait::quiet);
  if (context_.pages_left <= 0) return wait_for(Wait::pages);
  --context_.pages_left;
  if (context_.events.is_full())
    return answer_with(problem({Code::busy, "as many streams are open as there can be"}));
  session_.sign_in(*caller);
  HttpManner mine = manner;
  mine.keep_alive = false;
  stream_.emplace(Stream{HttpEvents::Seat(context_.events), mine, *caller});
  ended_ = answered_ = true;
  ++taken_;
  ++given_;
  // A proxy between us must hand on each event, not gather them.
  append_head_of_chunks(
      output_, {200, std::string(event_stream_type), {}, "X-Accel-Buffering: no\r\n"}, mine);
  append_chunk(output_, "retry: 1000\n\n", mine);
  append_chunk(output_, context_.events.event_for(*caller), mine);
  return true;
}

/// The next event; none to a peer who has not taken the last: a newer one will do.
void HttpConversation::go_on_streaming() {
  const Backend& backend = *context_.sessions.backend;
  // It was dropped, or now everybody must sign in.
  if (backend.must_sign_in() && backend.service(stream_->caller) == nullptr) return end_stream();
  if (left_ > 0 || !output_.empty()) return;
  append_chunk(output_, context_.events.event_for(stream_->caller), stream_->manner);
}

void HttpConversation::end_stream() {
  append_last_chunk(output_, stream_->manner);
  stream_.reset();
}

Result<ServiceId> HttpConversation::who_asks() {
  Backend& backend = *context_.sessions.backend;
  if (!certified_name_.empty() && !request_.header(http::Header::authorization))
    return backend.service_called(certified_name_);
  return bearer_.caller(request_, backend, peer().address);
}

void HttpConversation::answer(HttpAnswer ready, const HttpManner& manner) {
  answered_ = true;
  held_ += ready.body.size();
  exchanges_.emplace_back(manner, std::move(ready));
  ++taken_;
  emit();
}

/// The end: what follows cannot be told apart.
void HttpConversation::refuse(const HttpAnswer& refusal) {
  answer(refusal, {.keep_alive = false});
  ended_ = true;
}

void HttpConversation::replied(std::string_view canonical, const Shape& shape, Replay replay) {
  HF_ASSERT(!exchanges_.empty());
  HttpExchange& first = exchanges_.front();
  const std::size_t held = first.held_bytes();
  first.replied(canonical, shape, replay, output_);
  held_ += first.held_bytes();
  held_ -= held;
  emit();
}

/// Puts out the answers that are whole and wait for none before them.
void HttpConversation::emit() {
  while (!exchanges_.empty() && exchanges_.front().done()) {
    HttpExchange& first = exchanges_.front();
    held_ -= first.held_bytes();
    first.finish(output_, first.tells_token() ? context_.sessions.backend->token() : std::string());
    if (!first.keeps_alive()) ended_ = true;
    exchanges_.pop_front();
    ++given_;
  }
}

void HttpConversation::sent(std::size_t taken, std::size_t left) {
  if (taken > 0) seconds_ = 0;
  left_ = left;
  session_.sent(taken, left);
}

HttpConversation::Pace HttpConversation::pace() const {
  if (left_ > 0 || !output_.empty()) return Pace::answer;
  if (!exchanges_.empty() || wait_ != Wait::nothing || stream_) return Pace::working;
  // A connection is opened to ask something: the first request is due at once.
  if (input_.unread().empty() && answered_) return Pace::idle;
  return reader_.in_body() ? Pace::body : Pace::head;
}

void HttpConversation::tick() {
  session_.tick();
  if (stream_ && !session_.cut_off()) go_on_streaming();
  if (const Pace now = pace(); now != pace_) {
    pace_ = now;
    seconds_ = 0;
  }
  ++seconds_;
  switch (pace_) {
    case Pace::idle:
      if (seconds_ > limits::http_idle_seconds_max) cut({});
      return;
    case Pace::head:
      if (seconds_ > limits::http_header_seconds_max)
        cut("an HTTP request took too long to arrive");
      return;
    case Pace::body:
      if (seconds_ > limits::http_body_seconds_max) cut("an HTTP body took too long to arrive");
      return;
    case Pace::working:
      return;
    case Pace::answer:
      if (seconds_ > limits::http_answer_seconds_max) cut("an HTTP answer was not taken");
      return;
  }
}

}  // namespace holdfast::server
