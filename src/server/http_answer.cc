// SPDX-License-Identifier: Apache-2.0
#include "server/http_answer.h"

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <utility>

#include "server/json_reply.h"

namespace holdfast::server {
namespace {

constexpr std::size_t shown_bytes_max = 200;

std::string_view reason(int status) {
  const auto text =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return {text.data(), text.size()};
}

/// `code`: empty where the refusal is HTTP's own.
HttpAnswer make_problem(int status, std::string_view code, std::string_view detail) {
  std::string body = R"({"type":"about:blank","title":)";
  append_json_string(body, reason(status));
  body += R"(,"status":)" + std::to_string(status) + R"(,"detail":)";
  append_json_string(body, detail);
  std::string line(code.empty() ? row_of(Code::err).resp : code);
  if (!code.empty()) {
    body += R"(,"code":)";
    append_json_string(body, code);
  }
  line += ' ';
  line += detail;
  body += R"(,"error":)";
  append_json_string(body, line);
  body += "}\n";
  return {status, std::string(problem_type), std::move(body), std::string(headers_of(status))};
}

void append_number(std::string& out, std::size_t number, int base = 10) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number, base).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

void append_common_head(std::string& out, const HttpAnswer& answer, const HttpManner& manner) {
  if (answer.status == 200 && manner.minor_version == 1) {
    out.append("HTTP/1.1 200 OK\r\n");
  } else {
    out.append(manner.minor_version == 1 ? "HTTP/1.1 " : "HTTP/1.0 ");
    append_number(out, static_cast<std::size_t>(answer.status));
    out.push_back(' ');
    out.append(reason(answer.status));
    out.append("\r\n");
  }
  out.append("Server: holdfast\r\n");
  if (!answer.content_type.empty()) {
    out.append("Content-Type: ");
    out.append(answer.content_type);
    out.append("\r\n");
  }
  out.append("Cache-Control: ");
  out.append(answer.cache);
  out.append("\r\n");
  out.append(answer.headers);
  if (!manner.keep_alive && manner.minor_version == 1) out.append("Connection: close\r\n");
  if (manner.keep_alive && manner.minor_version == 0) out.append("Connection: keep-alive\r\n");
}

}  // namespace

HttpAnswer problem(int status, std::string_view detail) {
  return make_problem(status, {}, detail);
}

HttpAnswer problem(int status, const Error& error) {
  return make_problem(status, row_of(error.code).resp, error.message);
}

HttpAnswer problem(const Error& error) {
  return problem(row_of(error.code).http_status, error);
}

HttpAnswer problem_of_reply(std::string_view reply) {
  const std::string_view line = reply.substr(1, reply.find('\r') - 1);
  const std::size_t space = std::min(line.find(' '), line.size());
  return make_problem(status_of(line), line.substr(0, space),
                      line.substr(std::min(space + 1, line.size())));
}

HttpAnswer not_found(std::string_view path) {
  return problem(404, "there is nothing at " + std::string(path.substr(0, shown_bytes_max)));
}

int status_of(std::string_view error_line) {
  const std::string_view code = error_line.substr(0, error_line.find(' '));
  const auto rows = error_table();
  const auto found = std::ranges::find(rows, code, &CodeRow::resp);
  return found == rows.end() ? 400 : found->http_status;
}

std::string_view headers_of(int status) {
  if (status == 503 || status == 429) return "Retry-After: 1\r\n";
  if (status == 401) return "WWW-Authenticate: Bearer\r\n";
  return {};
}

void append_answer(std::string& out, const HttpAnswer& answer, const HttpManner& manner) {
  append_common_head(out, answer, manner);
  if (answer.status != 204 && answer.status != 304) {
    out.append("Content-Length: ");
    append_number(out, answer.body.size());
    out.append("\r\n");
  }
  out.append("\r\n");
  if (!manner.is_head) out.append(answer.body);
}

void append_head_of_chunks(std::string& out, const HttpAnswer& answer, const HttpManner& manner) {
  append_common_head(out, answer, manner);
  if (manner.minor_version == 1) out.append("Transfer-Encoding: chunked\r\n");
  out.append("\r\n");
}

void append_chunk(std::string& out, std::string_view bytes, const HttpManner& manner) {
  if (manner.minor_version == 0) return void(out.append(bytes));
  append_number(out, bytes.size(), 16);
  out.append("\r\n");
  out.append(bytes);
  out.append("\r\n");
}

void append_last_chunk(std::string& out, const HttpManner& manner) {
  if (manner.minor_version == 1) out.append("0\r\n\r\n");
}

}  // namespace holdfast::server
