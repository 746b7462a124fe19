// SPDX-License-Identifier: Apache-2.0
#include "server/encoded_commands.h"

#include <charconv>

namespace holdfast::server {
namespace {

constexpr std::size_t kept_max = 16'384;

void empty(std::string& text) {
  text.clear();
  if (text.capacity() > kept_max) std::string().swap(text);
}

void append_length(std::string& out, char kind, std::size_t n) {
  char line[24];
  line[0] = kind;
  char* end = std::to_chars(line + 1, line + sizeof(line) - 2, n).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(line, static_cast<std::size_t>(end - line));
}

}  // namespace

void EncodedCommands::clear() {
  empty(bytes_);
  empty(arguments_);
  count_ = 0;
}

void EncodedCommands::add(std::string_view argument) {
  append_length(arguments_, '$', argument.size());
  arguments_.append(argument);
  arguments_.append("\r\n", 2);
  ++arguments_count_;
}

void EncodedCommands::end() {
  append_length(bytes_, '*', arguments_count_);
  bytes_.append(arguments_);
  ++count_;
}

}  // namespace holdfast::server
