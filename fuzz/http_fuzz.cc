// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/limits.h"
#include "server/http_exchange.h"

// Any bytes as HTTP requests: which pages are asked for, and what is answered,
// does not depend on how they are cut into reads (the first byte says how);
// after a refusal nothing is answered.
namespace {

using namespace holdfast::server;  // NOLINT: a program of one file

struct Heard {
  std::vector<std::string> asked;
  std::string answers;
  bool operator==(const Heard&) const = default;
};

Heard converse(std::string_view bytes, std::size_t piece) {
  Heard heard;
  const HttpPages pages = [&](std::string_view path) {
    heard.asked.emplace_back(path);
    return not_found(path);
  };
  HttpExchange exchange(pages);
  while (!bytes.empty() && exchange.wants_input()) {
    const auto room = exchange.room();
    const std::size_t n = std::min({bytes.size(), room.size(), piece});
    bytes.copy(room.data(), n);
    bytes.remove_prefix(n);
    exchange.received(n);
    while (!exchange.output().empty()) {
      HF_ASSERT(heard.answers.find(" 400 Bad Request\r\n") == std::string::npos);
      heard.answers += std::exchange(exchange.output(), {});
      exchange.sent();
    }
  }
  exchange.end_of_input();
  heard.answers += exchange.output();
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Heard whole = converse(bytes, bytes.size() + 1);
  const Heard pieces = converse(bytes, data[0] + std::size_t{1});
  // What follows a request that ends the connection is refused only where it
  // has already come; all that is before it is answered alike.
  const std::size_t common = std::min(whole.asked.size(), pieces.asked.size());
  HF_ASSERT(std::equal(whole.asked.begin(), whole.asked.begin() + static_cast<long>(common),
                       pieces.asked.begin()));
  return 0;
}
