// SPDX-License-Identifier: Apache-2.0
#include "workflow/results.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "base/reply_tokens.h"

namespace holdfast::workflow {
namespace {

// What has no number in JSON (infinities) is its text.
Json number_of(std::string_view text) {
  double value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc() || end != text.data() + text.size() || value - value != 0)
    return std::string(text);
  return value;
}

Json integer_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc() || end != text.data() + text.size()) return std::string(text);
  return value;
}

// Replies are as deep as limits::function_nesting_max at most.
Json read_value(ReplyTokens& tokens) {
  const ReplyToken token = tokens.next();
  if (token.null) return nullptr;
  switch (token.kind) {
    case ':':
      return integer_of(token.text);
    case ',':
      return number_of(token.text);
    case '#':
      return token.text == "t";
    case '%': {
      Json object = Json::object();
      for (std::size_t i = 0; i + 1 < token.children; i += 2) {
        const Json name = read_value(tokens);
        object[name.is_string() ? name.get<std::string>() : write_json(name)] = read_value(tokens);
      }
      return object;
    }
    case '*':
    case '~':
    case '>': {
      Json array = Json::array();
      for (std::size_t i = 0; i < token.children; ++i) array.push_back(read_value(tokens));
      return array;
    }
    default:
      return std::string(token.text);
  }
}

}  // namespace

Json json_of_reply(std::string_view canonical) {
  ReplyTokens tokens(canonical);
  return read_value(tokens);
}

std::vector<std::string> fcall_of(const FunctionRequest& request) {
  std::vector<std::string> words{"FCALL", request.function, std::to_string(request.keys.size())};
  words.insert(words.end(), request.keys.begin(), request.keys.end());
  words.insert(words.end(), request.args.begin(), request.args.end());
  return words;
}

Outcome refused(const Error& error) {
  return {.ending = Ending::refused,
          .result = {},
          .error = fmt::format("{} {}", row_of(error.code).resp, error.message)};
}

Outcome unsendable(const Error& error) {
  Outcome outcome = refused(error);
  outcome.ending = Ending::unsendable;
  return outcome;
}

Outcome outcome_of_reply(std::string_view canonical) {
  ReplyTokens tokens(canonical);
  const ReplyToken token = tokens.next();
  if (token.kind != '-' && token.kind != '!')
    return {
        .ending = Ending::succeeded, .result = write_json(json_of_reply(canonical)), .error = {}};
  const std::string_view code = token.text.substr(0, token.text.find(' '));
  Ending ending = Ending::refused;
  if (code == row_of(Code::unavailable).resp || code == row_of(Code::busy).resp)
    ending = Ending::unavailable;
  if (code == row_of(Code::unknown).resp) ending = Ending::unknown;
  return {.ending = ending, .result = {}, .error = std::string(token.text)};
}

}  // namespace holdfast::workflow
