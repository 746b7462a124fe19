// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/ticket.h"
#include "server/http_answer.h"
#include "server/http_route.h"
#include "server/json_reply.h"

namespace holdfast::server {

/// One request that was taken and what becomes its answer: ready at once, or made of the replies
/// to the commands that it came to, in turn.
class HttpExchange {
 public:
  HttpExchange(const HttpManner& manner, HttpAnswer ready)
      : manner_(manner), answer_(std::move(ready)) {}
  HttpExchange(const HttpManner& manner, const Route& route, JsonStyle style, bool tells_token,
               std::size_t replies, std::string note)
      : manner_(manner),
        route_(&route),
        style_(style),
        tells_token_(tells_token),
        replies_left_(replies),
        note_(std::move(note)) {}

  /// The next reply. A long answer is begun in `out` before it is whole.
  void replied(std::string_view canonical, const Shape& shape, Replay replay, std::string& out);
  bool done() const { return replies_left_ == 0; }
  /// Puts the answer, or what is left of it, out. `token`: what has been seen here, where that
  /// is to be told.
  void finish(std::string& out, std::string_view token);

  bool tells_token() const { return tells_token_ && !begun_; }
  bool keeps_alive() const { return manner_.keep_alive; }
  std::size_t held_bytes() const { return answer_.body.size(); }

 private:
  void command(std::string_view canonical, const Shape& shape);
  void one_of_many(std::string_view canonical, const Shape& shape, std::string& out);
  void transaction(std::string_view canonical, const Shape& shape);
  void resource(std::string_view canonical);
  void append_result(std::string_view canonical, const Shape& shape);

  HttpManner manner_;
  HttpAnswer answer_;
  const Route* route_ = nullptr;
  JsonStyle style_;
  bool tells_token_ = false;
  bool begun_ = false;  // the answer, in chunks
  std::size_t replies_left_ = 0;
  Replay replay_ = Replay::none;
  std::string refusal_;               // of a command that could not be queued, the first
  std::vector<std::string> replies_;  // a resource's
  std::string note_;
};

}  // namespace holdfast::server
