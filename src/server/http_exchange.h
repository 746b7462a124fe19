// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "server/http_answer.h"
#include "server/http_reader.h"
#include "server/input_buffer.h"

namespace holdfast::server {

/// Answers GET and HEAD of a path (without its query).
using HttpPages = std::function<HttpAnswer(std::string_view path)>;

/// One HTTP connection's conversation: bytes in, answers out. Pure. A request
/// is read and checked to its last byte before anything is answered; one that
/// is malformed is answered 400 and ends the connection.
class HttpExchange {
 public:
  explicit HttpExchange(const HttpPages& pages);

  std::span<char> room() { return input_.room(); }
  /// The first n bytes of room() are new.
  void received(std::size_t n);
  void end_of_input();

  /// To be sent; the next request is read when it has been taken away.
  std::string& output() { return output_; }
  bool wants_input() const { return !finished_ && output_.empty(); }
  /// output() was sent: answers what was received meanwhile.
  void sent();
  /// Nothing follows output().
  bool finished() const { return finished_; }

  /// A second has passed. False: the peer is too slow, close.
  bool tick();

 private:
  void run_input();
  void answer_request(std::string_view request);
  void write(const HttpAnswer& answer, bool keep_alive, unsigned version, bool is_head);
  void refuse(int status, std::string_view why);

  const HttpPages& pages_;
  InputBuffer input_;
  http::Reader reader_;
  std::string output_;
  bool finished_ = false;
  bool answered_ = false;  // a request, once
  int seconds_ = 0;        // in what state_ says
  enum class State : std::uint8_t { idle, head, body, answer } state_ = State::idle;
  State state() const;
};

}  // namespace holdfast::server
