// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "server/talk.h"

// A story between two sessions and a backend, told by the input: commands from
// a list with arguments from another, or raw bytes; replies finished in any
// order; seconds; the peer's end. What comes out is whole replies, no more than
// there were requests; the fake backend asserts that paths keep their order.
namespace {

using namespace holdfast;          // NOLINT: a program of one file
using namespace holdfast::server;  // NOLINT

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool at_end() const { return size_ == 0; }
  std::uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  std::string_view bytes(std::size_t n) {
    n = std::min(n, size_);
    const std::string_view taken(reinterpret_cast<const char*>(data_), n);
    data_ += n;
    size_ -= n;
    return taken;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

constexpr std::array words{
    "GET",     "SET",     "INCR",    "MGET",     "HGETALL", "DBSIZE", "MULTI",  "EXEC",
    "DISCARD", "WATCH",   "ONCE",    "LOCAL",    "FRESH",   "AFTER",  "PING",   "ECHO",
    "HELLO",   "RESET",   "CLIENT",  "LIST",     "KILL",    "REPLY",  "OFF",    "ON",
    "SKIP",    "ID",      "COMMAND", "DOCS",     "INFO",    "COUNT",  "SELECT", "AUTH",
    "UNWATCH", "GETKEYS", "OBJECT",  "ENCODING", "QUIT",    "2",      "3",      "k",
    "ev:k",    "no:k",    "id-1",    "TYPE",     "normal",  "SETNAME"};

std::string command(Input& input) {
  std::vector<std::string> args;
  const std::size_t count = input.byte() % 6 + std::size_t{1};
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t which = input.byte();
    if (which < 200) {
      args.emplace_back(words[which % words.size()]);
    } else {
      args.emplace_back(input.bytes(which - 200U));
    }
  }
  return fake::encoded(args);
}

/// How many whole replies; asserts that there is nothing else.
std::size_t count_replies(std::string_view heard) {
  std::size_t replies = 0;
  std::size_t left = 0;
  for (std::size_t at = 0; at < heard.size();) {
    if (left == 0) {
      ++replies;
      left = 1;
    }
    --left;
    const std::size_t end = heard.find("\r\n", at);
    HF_ASSERT(end != std::string_view::npos);
    const char kind = heard[at];
    HF_ASSERT(std::string_view("+-:$*%~#,=_|").find(kind) != std::string_view::npos);
    const long n = std::strtol(heard.data() + at + 1, nullptr, 10);
    at = end + 2;
    if ((kind == '$' || kind == '=') && n >= 0) at += static_cast<std::size_t>(n) + 2;
    if ((kind == '*' || kind == '~') && n > 0) left += static_cast<std::size_t>(n);
    if (kind == '%') left += 2 * static_cast<std::size_t>(n);
    if (kind == '|') left += 2 * static_cast<std::size_t>(n) + 1;  // and what it is said of
    HF_ASSERT(at <= heard.size());
  }
  HF_ASSERT(left == 0);
  return replies;
}

struct Side {
  explicit Side(fake::World& world) : session(world.connect()) {}
  Session& session;
  std::string heard;
  std::uint64_t asked = 0;
};

void go_on(Side& side, SessionContext& context) {
  const std::uint64_t before = context.commands_run;
  while (side.session.can_resume()) side.session.resume();
  side.asked += context.commands_run - before;
  side.heard += fake::hear(side.session);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  fake::World world;
  fake::Backend& backend = world.backend;
  std::array sides{Side(world), Side(world)};
  while (!input.at_end()) {
    const std::uint8_t what = input.byte();
    Side& side = sides[what >> 7];
    const std::uint64_t before = world.context.commands_run;
    switch (what % 8) {
      case 0:
        fake::feed(side.session, input.bytes(input.byte()), 1 + what % 5U);
        break;
      case 1:
      case 2:
      case 3:
        fake::feed(side.session, command(input), 1 + input.byte());
        break;
      case 4:
        if (backend.under_way.empty()) break;
        backend.complete(world, input.byte() % backend.under_way.size(),
                         static_cast<Replay>(what / 8 % 3));
        break;
      case 5:
        backend.answers_at_once = !backend.answers_at_once;
        break;
      case 6:
        side.session.tick();
        break;
      default:
        if (what % 64 == 7) side.session.end_of_input();
        break;
    }
    side.asked += world.context.commands_run - before;
    for (Side& each : sides) go_on(each, world.context);
  }
  // In the end everything asked is answered.
  do {
    backend.complete_all(world);
    for (Side& side : sides) go_on(side, world.context);
  } while (!backend.under_way.empty());
  HF_ASSERT(backend.under_way.empty());
  for (Side& side : sides) {
    HF_ASSERT(!side.session.can_resume());
    if (side.session.cut_off()) continue;
    // One more: of a protocol error.
    HF_ASSERT(count_replies(side.heard) <= side.asked + 1);
  }
  return 0;
}
