// SPDX-License-Identifier: Apache-2.0
#include "server/inline_command.h"

#include <cstddef>

namespace holdfast::server {
namespace {

// As Redis: all of these may lie between words, but only some of them end one.
bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool ends_word(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

/// Reads a quoted part whose opening quote lies before `at`. False: it has no
/// end, or something that is no space follows its end.
bool read_quoted(std::string_view line, std::size_t& at, char quote, std::string& out) {
  while (at < line.size()) {
    const char c = line[at];
    if (c == quote) {
      ++at;
      return at == line.size() || is_space(line[at]);
    }
    const std::size_t left = line.size() - at;
    if (c == '\\' && quote == '"' && left >= 4 && line[at + 1] == 'x' &&
        hex_digit(line[at + 2]) >= 0 && hex_digit(line[at + 3]) >= 0) {
      out.push_back(static_cast<char>(hex_digit(line[at + 2]) * 16 + hex_digit(line[at + 3])));
      at += 4;
    } else if (c == '\\' && left >= 2 && (quote == '"' || line[at + 1] == '\'')) {
      out.push_back(quote == '"' ? escaped(line[at + 1]) : '\'');
      at += 2;
    } else {
      out.push_back(c);
      ++at;
    }
  }
  return false;
}

void split_plain(std::string_view line, std::vector<std::string_view>& args) {
  std::size_t at = 0;
  for (;;) {
    while (at < line.size() && is_space(line[at])) ++at;
    if (at == line.size()) return;
    const std::size_t begin = at;
    while (at < line.size() && !ends_word(line[at])) ++at;
    args.push_back(line.substr(begin, at - begin));
  }
}

}  // namespace

bool split_inline(std::string_view line, std::vector<std::string_view>& args, std::string& room) {
  if (line.find_first_of("\"'") == std::string_view::npos) {
    split_plain(line, args);
    return true;
  }
  // No argument is longer than what it was made from, so views into the room
  // stay valid while it fills.
  room.clear();
  room.reserve(line.size());
  std::size_t at = 0;
  for (;;) {
    while (at < line.size() && is_space(line[at])) ++at;
    if (at == line.size()) return true;
    const std::size_t begin = room.size();
    while (at < line.size() && !ends_word(line[at])) {
      const char c = line[at++];
      if (c != '"' && c != '\'') {
        room.push_back(c);
      } else if (!read_quoted(line, at, c, room)) {
        return false;
      }
    }
    args.emplace_back(room.data() + begin, room.size() - begin);
  }
}

}  // namespace holdfast::server
