// SPDX-License-Identifier: Apache-2.0
#include "server/http_exchange.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/reply_tokens.h"

namespace holdfast::server {
namespace {

bool is_error(std::string_view canonical) {
  return canonical.starts_with('-');
}

/// "-ERR no\r\n": "ERR no".
std::string_view error_line(std::string_view canonical) {
  return canonical.substr(1, canonical.find('\r') - 1);
}

}  // namespace

void HttpExchange::replied(std::string_view canonical, const Shape& shape, Replay replay,
                           std::string& out) {
  HF_ASSERT(replies_left_ > 0);
  --replies_left_;
  if (replay != Replay::none) replay_ = replay;
  switch (route_->answering) {
    case Answering::command:
      return command(canonical, shape);
    case Answering::commands:
      return one_of_many(canonical, shape, out);
    case Answering::transaction:
      return transaction(canonical, shape);
    case Answering::resource:
      return resource(canonical);
    case Answering::page:
    case Answering::file:
    case Answering::stream:
      break;
  }
  HF_ASSERT(false);
}

void HttpExchange::append_result(std::string_view canonical, const Shape& shape) {
  std::string& body = answer_.body;
  if (is_error(canonical)) {
    body.append(R"({"error":)");
    append_json_string(body, error_line(canonical));
  } else {
    body.append(R"({"result":)");
    append_json(body, canonical, shape, style_);
  }
  body.push_back('}');
}

void HttpExchange::command(std::string_view canonical, const Shape& shape) {
  answer_.content_type = json_type;
  if (is_error(canonical)) {
    answer_.status = status_of(error_line(canonical));
    answer_.headers = headers_of(answer_.status);
  }
  append_result(canonical, shape);
}

// Each has its own outcome, so the answer to all is 200.
void HttpExchange::one_of_many(std::string_view canonical, const Shape& shape, std::string& out) {
  std::string& body = answer_.body;
  body.push_back(body.empty() && !begun_ ? '[' : ',');
  append_result(canonical, shape);
  if (done()) body.push_back(']');
  if (!done() && body.size() >= limits::http_answer_chunk_bytes) {
    // All of it could be more than there is memory.
    if (!begun_) {
      answer_.content_type = json_type;
      if (manner_.minor_version == 0) manner_.keep_alive = false;  // its end is the connection's
      append_head_of_chunks(out, answer_, manner_);
    }
    begun_ = true;
    append_chunk(out, body, manner_);
    body.clear();
  }
}

// MULTI, the commands, EXEC: the last reply is the one that counts.
void HttpExchange::transaction(std::string_view canonical, const Shape& shape) {
  if (!done()) {
    if (is_error(canonical) && refusal_.empty()) refusal_ = error_line(canonical);
    return;
  }
  answer_.content_type = json_type;
  ReplyTokens in(canonical);
  const ReplyToken outer = in.next();
  if (outer.kind != '*' || outer.null) {
    std::string line(canonical);
    if (is_error(canonical) && !refusal_.empty())
      line = '-' + std::string(error_line(canonical)) + ' ' + refusal_ + "\r\n";
    return command(line, shape);
  }
  answer_.body.push_back('[');
  for (std::size_t i = 0; i < outer.children; ++i) {
    if (i > 0) answer_.body.push_back(',');
    Shape of_element;
    of_element.flat_pairs = shape.flat_elements != nullptr && (*shape.flat_elements)[i];
    append_result(in.skip_value(), of_element);
  }
  answer_.body.push_back(']');
}

void HttpExchange::resource(std::string_view canonical) {
  replies_.emplace_back(canonical);
  if (done()) answer_ = route_->tell({.replies = replies_, .note = note_});
}

void HttpExchange::finish(std::string& out, std::string_view token) {
  if (begun_) {
    append_chunk(out, answer_.body, manner_);
    return append_last_chunk(out, manner_);
  }
  if (route_ != nullptr && route_->answering == Answering::commands)
    answer_.content_type = json_type;
  if (replay_ != Replay::none) {
    answer_.headers += replay_ == Replay::reply ? "Idempotency-Replayed: true\r\n"
                                                : "Idempotency-Replayed: effect\r\n";
  }
  if (!token.empty()) {
    for (const std::string_view name : {"Holdfast-Token: ", "Upstash-Sync-Token: "}) {
      answer_.headers += name;
      answer_.headers += token;
      answer_.headers += "\r\n";
    }
  }
  append_answer(out, answer_, manner_);
}

}  // namespace holdfast::server
