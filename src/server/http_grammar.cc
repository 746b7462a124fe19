// SPDX-License-Identifier: Apache-2.0
#include "server/http_grammar.h"

#include <algorithm>
#include <array>
#include <boost/beast/http/verb.hpp>
#include <charconv>
#include <limits>
#include <ostream>

namespace holdfast::server::http {
namespace {

constexpr auto token_characters = [] {
  std::array<bool, 256> is{};
  for (int c = '0'; c <= '9'; ++c) is[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) is[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) is[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
    is[static_cast<unsigned char>(c)] = true;
  }
  return is;
}();

bool is_token_character(char c) {
  return token_characters[static_cast<unsigned char>(c)];
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_character);
}

bool is_visible(char c) {
  return c > ' ' && c <= '~';
}

// Bytes over 127 are let through: old clients send names in Latin-1 or UTF-8.
bool is_value_character(char c) {
  const auto u = static_cast<unsigned char>(c);
  return c == '\t' || (u >= ' ' && u != 0x7F);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Check refuse(std::string_view why, int status = 400) {
  return Refusal{status, why};
}

Check parse_length(std::string_view text, std::uint64_t& out) {
  const char* const end = text.data() + text.size();
  const bool digits =
      !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return refuse("Content-Length is no number");
  const auto [at, error] = std::from_chars(text.data(), end, out);
  if (error != std::errc() || at != end) return refuse("Content-Length is too large");
  return {};
}

// A host and a port, as far as it matters here: nothing that ends it early.
bool is_host(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return is_visible(c) && c != ',' && c != '/' && c != '?' && c != '#' && c != '@' && c != '\\';
  });
}

/// Skips `"…"`, whose opening quote is text[at]. False: it has no end.
bool skip_quoted(std::string_view text, std::size_t& at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') {
      ++at;
      return true;
    }
    if (!is_value_character(text[at])) return false;
    if (text[at] == '\\' && (++at == text.size() || !is_value_character(text[at]))) return false;
  }
  return false;
}

bool skip_token(std::string_view text, std::size_t& at) {
  const std::size_t begin = at;
  while (at < text.size() && is_token_character(text[at])) ++at;
  return at > begin;
}

bool are_chunk_extensions(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at++] != ';') return false;
    if (!skip_token(text, at)) return false;
    if (at == text.size() || text[at] != '=') continue;
    ++at;
    const bool quoted = at < text.size() && text[at] == '"';
    if (!(quoted ? skip_quoted(text, at) : skip_token(text, at))) return false;
  }
  return true;
}

}  // namespace

bool equals_nocase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

Check parse_start_line(std::string_view line, StartLine& out) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return refuse("no request line");
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  namespace beast = boost::beast::http;
  const beast::verb verb = beast::string_to_verb({out.method.data(), out.method.size()});
  if (verb == beast::verb::unknown) return refuse("the method is not known");
  // There is nothing here to tunnel to.
  if (verb == beast::verb::connect) return refuse("CONNECT is for proxies");
  const bool form =
      out.target.starts_with('/') || out.target.starts_with("http://") || out.target == "*";
  if (!form || !std::ranges::all_of(out.target, is_visible)) {
    return refuse("the request target is malformed");
  }
  if (version == "HTTP/1.1") {
    out.minor_version = 1;
  } else if (version == "HTTP/1.0") {
    out.minor_version = 0;
  } else {
    return version.starts_with("HTTP/") ? refuse("only HTTP/1.0 and HTTP/1.1 are spoken", 505)
                                        : refuse("no HTTP version");
  }
  return {};
}

Check parse_field(std::string_view line, Field& out) {
  if (line.starts_with(' ') || line.starts_with('\t')) return refuse("a folded header line");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return refuse("a malformed header name");
  }
  out.name = line.substr(0, colon);
  out.value = trimmed(line.substr(colon + 1));
  if (!std::ranges::all_of(out.value, is_value_character)) {
    return refuse("a control character in a header");
  }
  return {};
}

Check Framing::add(const Field& field) {
  if (equals_nocase(field.name, "Host")) {
    ++hosts;
    if (!is_host(field.value)) return refuse("a malformed Host");
  } else if (equals_nocase(field.name, "Content-Length")) {
    if (has_length) return refuse("two Content-Lengths");
    has_length = true;
    return parse_length(field.value, length);
  } else if (equals_nocase(field.name, "Transfer-Encoding")) {
    if (chunked) return refuse("two Transfer-Encodings");
    if (!equals_nocase(field.value, "chunked")) {
      return refuse("of Transfer-Encodings only chunked is understood", 501);
    }
    chunked = true;
  } else if (equals_nocase(field.name, "Connection")) {
    for (std::string_view left = field.value; !left.empty();) {
      const std::size_t comma = std::min(left.find(','), left.size());
      const std::string_view word = trimmed(left.substr(0, comma));
      left.remove_prefix(std::min(comma + 1, left.size()));
      says_close = says_close || equals_nocase(word, "close");
      says_keep_alive = says_keep_alive || equals_nocase(word, "keep-alive");
    }
  }
  return {};
}

Check Framing::finish(int minor_version) const {
  if (hosts > 1) return refuse("two Hosts");
  if (hosts == 0 && minor_version == 1) return refuse("no Host");
  if (chunked && has_length) return refuse("Transfer-Encoding with Content-Length");
  if (chunked && minor_version == 0) return refuse("Transfer-Encoding in HTTP/1.0");
  return {};
}

Check parse_chunk_size(std::string_view line, std::uint64_t& out) {
  constexpr std::size_t digits_max = 15;  // 2^60: nothing can overflow
  std::size_t at = 0;
  out = 0;
  while (at < line.size()) {
    std::uint64_t digit = 0;
    const auto [end, error] = std::from_chars(line.data() + at, line.data() + at + 1, digit, 16);
    if (error != std::errc()) break;
    if (++at > digits_max) return refuse("a chunk is too large");
    out = out << 4 | digit;
  }
  if (at == 0) return refuse("a chunk has no size");
  if (!are_chunk_extensions(line.substr(at))) return refuse("malformed chunk extensions");
  return {};
}

Check check_trailer(const Field& field) {
  for (const std::string_view forbidden :
       {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Authorization",
        "Idempotency-Key", "Content-Type", "Content-Encoding"}) {
    if (equals_nocase(field.name, forbidden)) return refuse("a header after the body");
  }
  return {};
}

}  // namespace holdfast::server::http
