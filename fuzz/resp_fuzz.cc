// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/limits.h"
#include "server/input_buffer.h"
#include "server/resp_parser.h"

// Any bytes as requests: read or refused; the same however they are cut into
// reads (the first byte says how); memory by what came, not by what was said.
namespace {

using namespace holdfast::server;  // NOLINT: a program of one file
namespace limits = holdfast::limits;

struct Parsed {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  bool operator==(const Parsed&) const = default;
};

Parsed parse(std::string_view bytes, std::size_t piece, bool signed_in) {
  RespParser parser;
  parser.set_signed_in(signed_in);
  InputBuffer input;
  Parsed parsed;
  const std::size_t all = bytes.size();
  while (!bytes.empty()) {
    const auto room = input.room();
    const std::size_t n = std::min({bytes.size(), room.size(), piece});
    bytes.copy(room.data(), n);
    bytes.remove_prefix(n);
    input.filled(n);
    HF_ASSERT(input.capacity() <= 2 * all + limits::read_buffer_bytes);
    for (;;) {
      const auto status = parser.parse(input.unread());
      HF_ASSERT(parser.memory() <= 16 * all + 4'096);
      if (status == RespParser::Status::partial) break;
      if (status == RespParser::Status::bad) {
        parsed.error = parser.error();
        return parsed;
      }
      HF_ASSERT(parser.size() > 0 && parser.size() <= input.unread().size());
      if (status == RespParser::Status::request) {
        HF_ASSERT(!parser.args().empty());
        parsed.requests.emplace_back(parser.args().begin(), parser.args().end());
      }
      input.consume(parser.size());
      parser.next();
    }
  }
  return parsed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool signed_in = data[0] % 2 == 0;
  const std::size_t piece = data[0] / 2 + std::size_t{1};
  HF_ASSERT(parse(bytes, piece, signed_in) == parse(bytes, bytes.size() + 1, signed_in));
  return 0;
}
