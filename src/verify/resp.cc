// SPDX-License-Identifier: Apache-2.0
#include "verify/resp.h"

#include <charconv>
#include <limits>
#include <utility>

namespace holdfast::verify {
namespace {

using Read = Result<std::optional<Answer>>;

tl::unexpected<Error> no_reply() {
  return fail(Code::corrupt, "what came is no reply");
}

Read read_reply(std::string_view bytes, std::size_t& at, int depth);

Read read_array(std::string_view bytes, std::size_t& at, std::int64_t items, int depth) {
  if (items < 0) return Answer{};
  if (depth >= resp_depth_max) return no_reply();
  Answer array{Answer::Kind::array, 0, {}, {}};
  for (std::int64_t i = 0; i < items; ++i) {
    Read item = read_reply(bytes, at, depth + 1);
    if (!item || !*item) return item;
    array.items.push_back(**std::move(item));
  }
  return array;
}

Read read_reply(std::string_view bytes, std::size_t& at, int depth) {
  const std::size_t end = bytes.find("\r\n", at);
  if (end == std::string_view::npos) return std::nullopt;
  const char type = bytes[at];
  const std::string_view line = bytes.substr(at + 1, end - at - 1);
  at = end + 2;
  if (type == '+') return Answer::of(line);
  if (type == '-') return Answer{Answer::Kind::error, 0, std::string(line), {}};
  if (type == '_' && line.empty()) return Answer{};
  std::int64_t number = 0;
  const auto [stop, failed] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (failed != std::errc{} || stop != line.data() + line.size()) return no_reply();
  switch (type) {
    case ':':
      return Answer::of(number);
    case '$': {
      if (number < 0) return Answer{};
      const auto size = static_cast<std::size_t>(number);
      if (bytes.size() - at < size + 2) return std::nullopt;
      at += size + 2;
      return Answer::of(bytes.substr(at - size - 2, size));
    }
    case '*':
    case '~':
    case '>':
      return read_array(bytes, at, number, depth);
    case '%':
      if (number > std::numeric_limits<std::int64_t>::max() / 2) return no_reply();
      return read_array(bytes, at, 2 * number, depth);
    default:
      return no_reply();
  }
}

}  // namespace

std::vector<Command> requests_of(const std::vector<Command>& commands, bool multi,
                                 const std::string& id) {
  std::vector<Command> all;
  if (multi) {
    all.push_back({"MULTI"});
    all.insert(all.end(), commands.begin(), commands.end());
    all.push_back({"EXEC"});
  } else {
    all.push_back(commands.front());
  }
  if (!id.empty()) all.back().insert(all.back().begin(), {"ONCE", id});
  return all;
}

void encode_request(const Command& command, std::string& out) {
  out += "*" + std::to_string(command.size()) + "\r\n";
  for (const std::string& word : command)
    out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
}

Result<std::optional<Answer>> take_reply(std::string& bytes) {
  std::size_t at = 0;
  if (bytes.empty()) return std::nullopt;
  Read reply = read_reply(bytes, at, 0);
  if (reply && *reply) bytes.erase(0, at);
  return reply;
}

}  // namespace holdfast::verify
