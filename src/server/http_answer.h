// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::server {

/// What is answered to a request.
struct HttpAnswer {
  int status = 200;
  std::string content_type;
  std::string body;
  std::string headers;                  // further ones: whole lines
  std::string_view cache = "no-store";  // Cache-Control
};

inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view event_stream_type = "text/event-stream";
inline constexpr std::string_view problem_type = "application/problem+json";

/// RFC 9457's application/problem+json. What it says stands there once more as `error`, in the
/// form of RESP: there Upstash's clients look.
HttpAnswer problem(int status, std::string_view detail);
/// Of an error, with its code (docs/errors.md).
HttpAnswer problem(const Error& error);
HttpAnswer problem(int status, const Error& error);
/// Of a reply that is an error, as RESP has it.
HttpAnswer problem_of_reply(std::string_view canonical_error);

HttpAnswer not_found(std::string_view path);

/// The status of an error as RESP has it, "WRONGTYPE Operation against …": that of its code. A code
/// of a function's own is a 400.
int status_of(std::string_view error_line);

/// Headers that go with a status whoever answers it: who may try again, and how to sign in.
std::string_view headers_of(int status);

/// How the connection goes on, and what of an answer is sent.
struct HttpManner {
  bool keep_alive = true;
  int minor_version = 1;
  bool is_head = false;  // of a HEAD request: no body
};

/// Appends the answer as it is sent.
void append_answer(std::string& out, const HttpAnswer& answer, const HttpManner& manner);
/// Its head alone: the body comes in chunks, or where HTTP/1.0 has none until the connection's end.
void append_head_of_chunks(std::string& out, const HttpAnswer& answer, const HttpManner& manner);
void append_chunk(std::string& out, std::string_view bytes, const HttpManner& manner);
void append_last_chunk(std::string& out, const HttpManner& manner);

}  // namespace holdfast::server
