// SPDX-License-Identifier: Apache-2.0
#include "server/http_request.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/request_id.h"
#include "server/http_grammar.h"

namespace holdfast::server::http {
namespace {

constexpr std::array<std::string_view, headers_known> names{"Accept-Encoding",
                                                            "Authorization",
                                                            "Content-Type",
                                                            "Expect",
                                                            "Host",
                                                            "Idempotency-Key",
                                                            "If-Match",
                                                            "If-None-Match",
                                                            "Origin",
                                                            "Sec-Fetch-Site",
                                                            "Holdfast-Fresh-Within",
                                                            "Holdfast-Local",
                                                            "Holdfast-Token",
                                                            "Upstash-Encoding",
                                                            "Upstash-Sync-Token"};

/// The next line of a checked head, without its CRLF.
std::string_view take_line(std::string_view& bytes) {
  const std::size_t end = std::min(bytes.find("\r\n"), bytes.size());
  const std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(std::min(end + 2, bytes.size()));
  return line;
}

void split_target(std::string_view target, Request& out) {
  constexpr std::string_view scheme = "http://";
  if (target.starts_with(scheme)) {
    target.remove_prefix(scheme.size());
    target.remove_prefix(std::min(target.find_first_of("/?#"), target.size()));
  }
  target = target.substr(0, target.find('#'));
  const std::size_t question = std::min(target.find('?'), target.size());
  out.path = question == 0 ? "/" : target.substr(0, question);
  out.query = target.substr(std::min(question + 1, target.size()));
}

/// Whether there is more to a body in chunks.
void unchunk(std::string_view bytes, std::string& out) {
  out.clear();
  while (true) {
    std::uint64_t size = 0;
    HF_ASSERT(!parse_chunk_size(take_line(bytes), size));  // Reader has let it through
    if (size == 0) return;
    HF_ASSERT(size + 2 <= bytes.size());
    out.append(bytes.substr(0, size));
    bytes.remove_prefix(size + 2);
  }
}

}  // namespace

std::string_view header_name(Header header) {
  return names[static_cast<std::size_t>(header)];
}

void take_apart(std::string_view bytes, Request& out) {
  StartLine start;
  HF_ASSERT(!parse_start_line(take_line(bytes), start));
  out.method = start.method;
  out.minor_version = start.minor_version;
  split_target(start.target, out);
  out.values = {};
  out.twice = {};
  bool chunked = false;
  for (std::string_view line = take_line(bytes); !line.empty(); line = take_line(bytes)) {
    Field field;
    HF_ASSERT(!parse_field(line, field));
    chunked = chunked || equals_nocase(field.name, "Transfer-Encoding");
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (field.name.size() != names[i].size() || !equals_nocase(field.name, names[i])) continue;
      // Of a list's two lines either is enough.
      const bool is_list = i == static_cast<std::size_t>(Header::accept_encoding);
      if (out.values[i].data() != nullptr && !is_list) out.twice = names[i];
      out.values[i] = field.value.data() == nullptr ? std::string_view("") : field.value;
    }
  }
  if (chunked && !bytes.empty()) {
    unchunk(bytes, out.unchunked);
    out.body = out.unchunked;
  } else {
    out.body = bytes;
  }
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      std::uint8_t byte = 0;
      const char* const begin = text.data() + i + 1;
      if (text.size() - i < 3) return std::nullopt;
      const auto [end, error] = std::from_chars(begin, begin + 2, byte, 16);
      if (error != std::errc() || end != begin + 2) return std::nullopt;
      out.push_back(static_cast<char>(byte));
      i += 2;
    }
  }
  return out;
}

Result<std::string> request_id_of(std::string_view key) {
  std::string id(key);
  if (key.starts_with('"')) {
    id.clear();
    std::size_t at = 1;
    for (; at < key.size() && key[at] != '"'; ++at) {
      const bool escape = key[at] == '\\';
      if (escape) ++at;
      if (at == key.size() || (escape && key[at] != '"' && key[at] != '\\'))
        return fail(Code::err, "Idempotency-Key: an escape in it is none");
      id.push_back(key[at]);
    }
    if (at + 1 != key.size())
      return fail(Code::err, "Idempotency-Key: it is no quoted string, nor a bare request id");
  }
  if (!is_request_id(id)) {
    return fail(Code::err,
                "Idempotency-Key: a request id is 1 to 64 printable ASCII characters without "
                "spaces");
  }
  return id;
}

std::optional<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.size() <= scheme.size() ||
      !equals_nocase(authorization.substr(0, scheme.size()), scheme))
    return std::nullopt;
  authorization.remove_prefix(scheme.size());
  const std::size_t begin = std::min(authorization.find_first_not_of(' '), authorization.size());
  return authorization.substr(begin);
}

}  // namespace holdfast::server::http
