// SPDX-License-Identifier: Apache-2.0
#include "server/static_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/checksum.h"
#include "server/http_grammar.h"

namespace holdfast::server {
namespace {

using http::Header;

constexpr std::string_view index_name = "index.html";

// What the page may load and where it may send: nothing but this port. So what is shown of users'
// data cannot become a script, nor another site a frame around the page.
constexpr std::string_view security_headers =
    "Content-Security-Policy: default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

constexpr std::pair<std::string_view, std::string_view> types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".json", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
};

std::string_view type_of(std::string_view name) {
  for (const auto& [ending, type] : types) {
    if (name.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// The text up to `end`, which it is taken from.
std::string_view take_until(std::string_view& text, char end) {
  const std::string_view taken = text.substr(0, text.find(end));
  text.remove_prefix(std::min(taken.size() + 1, text.size()));
  return taken;
}

/// RFC 9110 section 12.5.3: whether gzip is named and not at a weight of nothing.
bool takes_gzip(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    std::string_view coding = take_until(accept_encoding, ',');
    if (!http::equals_nocase(trimmed(take_until(coding, ';')), "gzip")) continue;
    const std::string_view weight = trimmed(coding);
    return weight.empty() || weight.find_first_of("123456789") != std::string_view::npos;
  }
  return false;
}

const StaticFile* find(std::span<const StaticFile> files, std::string_view name) {
  const auto found = std::ranges::find(files, name, &StaticFile::name);
  return found == files.end() ? nullptr : &*found;
}

}  // namespace

HttpAnswer answer_file(std::span<const StaticFile> files, const http::Request& request) {
  const bool is_index = request.path == "/";
  const std::string_view name = is_index ? index_name : request.path.substr(1);
  const StaticFile* const plain = find(files, name);
  if (plain == nullptr || name.ends_with(".gz") || (!is_index && name == index_name))
    return not_found(request.path);
  const StaticFile* const packed = find(files, std::string(name) + ".gz");
  const bool packs =
      packed != nullptr && takes_gzip(request.header(Header::accept_encoding).value_or(""));
  const StaticFile& sent = packs ? *packed : *plain;

  HttpAnswer answer{200, std::string(type_of(name)), std::string(sent.bytes), {}};
  answer.headers = security_headers;
  if (packed != nullptr) answer.headers += "Vary: Accept-Encoding\r\n";
  if (packs) answer.headers += "Content-Encoding: gzip\r\n";
  if (!is_index) {
    answer.cache = "public, max-age=31536000, immutable";
    return answer;
  }
  // The one file whose name stays when its bytes change.
  const std::string tag = fmt::format("\"{:016x}\"", checksum(sent.bytes));
  answer.headers += "ETag: " + tag + "\r\n";
  answer.cache = "no-cache";
  if (request.header(Header::if_none_match).value_or("").find(tag) != std::string_view::npos) {
    answer.status = 304;
    answer.body.clear();
  }
  return answer;
}

}  // namespace holdfast::server
