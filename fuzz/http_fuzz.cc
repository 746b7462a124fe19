// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/limits.h"
#include "server/browser.h"
#include "server/json_scanner.h"

// Any bytes as HTTP requests: what is asked, of the node or of its pages, and what is answered,
// does not depend on how they are cut into reads (the first byte says how); after a refusal nothing
// is answered. What the reader lets through Beast reads alike. Bodies are JSON to us where they are
// to nlohmann's reader.
namespace {

using namespace holdfast;          // NOLINT: a program of one file
using namespace holdfast::server;  // NOLINT

struct Heard {
  std::vector<std::string> pages;
  std::vector<std::vector<std::string>> commands;
  std::string answers;
};

Heard converse(std::string_view bytes, std::size_t piece) {
  fake::Browser browser;
  Heard heard;
  heard.answers = browser.say(bytes, piece);
  heard.answers += browser.end();
  heard.pages = browser.asked;
  for (const auto& seen : browser.backend.seen) heard.commands.push_back(seen.args);
  return heard;
}

template <typename T>
void check_alike(const std::vector<T>& a, const std::vector<T>& b) {
  // What follows a request that ends the connection is refused only where it
  // has already come; all that is before it is answered alike.
  const auto common = static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  HF_ASSERT(std::equal(a.begin(), a.begin() + common, b.begin()));
}

void check_request(std::string_view bytes) {
  http::Reader reader(limits::http_body_bytes_max);
  if (reader.read(bytes) != http::Reader::Status::request) return;
  const std::string_view request = bytes.substr(reader.skipped(), reader.size() - reader.skipped());
  http::Request ours;
  http::take_apart(request, ours);
  namespace beast = boost::beast::http;
  beast::request_parser<beast::string_body> parser;
  parser.eager(true);
  parser.header_limit(static_cast<std::uint32_t>(limits::http_header_bytes_max));
  parser.body_limit(limits::http_body_bytes_max);
  boost::beast::error_code error;
  const std::size_t used = parser.put(boost::asio::buffer(request), error);
  if (error) return;  // it may be stricter
  // Two readers that differ about where a request ends are one too lenient.
  HF_ASSERT(parser.is_done() && used == request.size());
  HF_ASSERT(parser.get().body() == ours.body);
  HF_ASSERT(parser.get().method_string() ==
            boost::beast::string_view(ours.method.data(), ours.method.size()));
}

void check_json(std::string_view text) {
  JsonScanner scanner(text);
  auto kind = scanner.next();
  std::size_t depth = 0;
  while (kind != JsonScanner::Kind::end && kind != JsonScanner::Kind::bad) {
    const bool opens =
        kind == JsonScanner::Kind::begin_array || kind == JsonScanner::Kind::begin_object;
    if (opens) HF_ASSERT(++depth <= limits::json_depth_max);
    if (kind == JsonScanner::Kind::end_array || kind == JsonScanner::Kind::end_object) --depth;
    kind = scanner.next();
  }
  const bool ours = kind == JsonScanner::Kind::end;
  // Its reader skips a byte order mark, and knows no bound but memory.
  if (scanner.why() == "it is nested too deep" || text.starts_with("\xEF")) return;
  if (text.find('\0') != std::string_view::npos) {  // which it takes for the end
    HF_ASSERT(!ours);
    return;
  }
  bool theirs = false;
  try {
    theirs = !nlohmann::json::parse(text).is_discarded();
  } catch (const nlohmann::json::out_of_range&) {
    return;                                       // a number that no double holds: to us it is text
  } catch (const nlohmann::json::parse_error&) {  // it refuses it
  }
  HF_ASSERT(theirs == ours);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Heard whole = converse(bytes, bytes.size() + 1);
  const Heard pieces = converse(bytes, data[0] + std::size_t{1});
  check_alike(whole.pages, pieces.pages);
  check_alike(whole.commands, pieces.commands);
  check_request(bytes);
  check_json(bytes);
  return 0;
}
