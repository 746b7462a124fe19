// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "cli/operations.h"
#include "cli/reply_scanner.h"

// The loader's inputs. The first line is a command's template, the second an
// id's, the rest the file: every operation made of it is whole RESP with as
// many requests as it announces replies. And any bytes as a server's reply.
namespace {

using namespace holdfast;       // NOLINT: a program of one file
using namespace holdfast::cli;  // NOLINT

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

void check_requests(std::string_view requests, std::size_t expected) {
  std::size_t found = 0;
  while (!requests.empty()) {
    // A request is an array of bulk strings, which is a reply in form.
    const auto one = scan_reply(requests);
    HF_ASSERT(one && *one && requests[0] == '*');
    requests.remove_prefix((*one)->bytes);
    ++found;
  }
  HF_ASSERT(found == expected);
}

void fuzz_file(std::string_view text) {
  const std::string command(take_line(text));
  const std::string id(take_line(text));
  Operations::Options options{.commands = {command, "GET a"}, .repeat = 2};
  if (!id.empty()) options.id = id;
  auto operations = Operations::open(text, options);
  if (!operations) return;
  // Each row is one line or more, so no more rows than bytes, twice.
  for (std::size_t calls = 0;; ++calls) {
    HF_ASSERT(calls <= 2 * text.size() + 2);
    const auto next = operations->next();
    if (!next) continue;
    if (!*next) break;
    check_requests((*next)->requests, operations->replies_per_operation());
  }
  HF_ASSERT(operations->progress() == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz_file(bytes);
  if (const auto reply = scan_reply(bytes); reply && *reply) {
    HF_ASSERT((*reply)->bytes > 0 && (*reply)->bytes <= size);
  }
  return 0;
}
