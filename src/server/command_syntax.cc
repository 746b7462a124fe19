// SPDX-License-Identifier: Apache-2.0
#include "server/command_syntax.h"

#include <string>

namespace holdfast::server {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// Where the word or the bracket that begins at `at` ends.
std::size_t end_of(std::string_view syntax, std::size_t at) {
  int depth = 0;
  for (; at < syntax.size(); ++at) {
    if (syntax[at] == '[') ++depth;
    if (syntax[at] == ']') --depth;
    if (depth == 0 && syntax[at] == ' ') break;
  }
  return at;
}

}  // namespace

std::vector<SyntaxArgument> split_syntax(std::string_view syntax) {
  std::vector<SyntaxArgument> arguments;
  syntax = trimmed(syntax);
  for (std::size_t at = 0; at < syntax.size();) {
    const std::size_t end = end_of(syntax, at);
    SyntaxArgument argument{.text = syntax.substr(at, end - at)};
    at = end;
    while (at < syntax.size() && syntax[at] == ' ') ++at;
    if (argument.text == "|" && !arguments.empty()) {
      // Alternatives without a bracket around them are one argument.
      const char* const begin = arguments.back().text.data();
      const std::size_t last = end_of(syntax, at);
      arguments.back().text = {begin, static_cast<std::size_t>(syntax.data() + last - begin)};
      at = last;
      while (at < syntax.size() && syntax[at] == ' ') ++at;
      continue;
    }
    if (argument.text.starts_with('[') && argument.text.ends_with(']')) {
      argument.optional = true;
      argument.text = trimmed(argument.text.substr(1, argument.text.size() - 2));
    }
    if (argument.text.ends_with("...")) {
      argument.multiple = true;
      argument.text = trimmed(argument.text.substr(0, argument.text.size() - 3));
    }
    if (!argument.text.empty()) arguments.push_back(argument);
  }
  return arguments;
}

void write_arguments(const std::vector<SyntaxArgument>& arguments, Reply& reply) {
  reply.array(arguments.size());
  for (const SyntaxArgument& argument : arguments) {
    const std::size_t flags = (argument.optional ? 1 : 0) + (argument.multiple ? 1 : 0);
    reply.map(flags == 0 ? 2 : 3);
    reply.bulk("name");
    reply.bulk(argument.text);
    reply.bulk("type");
    reply.bulk("string");
    if (flags == 0) continue;
    reply.bulk("flags");
    reply.set(flags);
    if (argument.optional) reply.simple("optional");
    if (argument.multiple) reply.simple("multiple");
  }
}

}  // namespace holdfast::server
