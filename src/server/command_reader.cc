// SPDX-License-Identifier: Apache-2.0
#include "server/command_reader.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "server/json_scanner.h"
#include "server/wrappers.h"

namespace holdfast::server {
namespace {

using Kind = JsonScanner::Kind;

Status wrong(const JsonScanner& scanner, std::string_view why) {
  return fail(Code::err, fmt::format("the body, at byte {}: {}", scanner.position(),
                                     scanner.why().empty() ? why : scanner.why()));
}

}  // namespace

void CommandReader::begin() {
  out_.begin();
  for (const std::string& word : wrapping_) out_.add(word);
  looks_ = true;
  passes_ = 0;
  family_.clear();
  own_ = 0;
}

Status CommandReader::add(std::string_view argument) {
  if (++own_ + wrapping_.size() > limits::arguments_max)
    return fail(Code::err, fmt::format("more than {} arguments", limits::arguments_max));
  if (looks_) {
    if (Status s = look_at(argument); !s) return s;
  }
  out_.add(argument);
  return {};
}

Status CommandReader::end() {
  if (own_ == 0) return fail(Code::err, "a command has no name");
  out_.end();
  return {};
}

Status CommandReader::look_at(std::string_view argument) {
  if (passes_ > 0) {
    --passes_;
    return {};
  }
  const Row* const row =
      family_.empty() ? commands_.find(argument) : commands_.find(family_, argument);
  if (row == nullptr) {
    looks_ = family_.empty() && commands_.has_subcommands(argument);
    if (looks_) family_ = argument;
    return {};
  }
  if (row->access == Access::wrapper) {
    passes_ = words_of_wrapper(*row) - 1;
    return {};
  }
  looks_ = false;
  return refuse_connections(*row);
}

Status CommandReader::refuse_connections(const Row& row) const {
  if (row.access != Access::session || (row.flags & flag_anywhere) != 0) return {};
  return fail(Code::err,
              fmt::format("{} is about a connection, and a request over HTTP has none of its own: "
                          "sign in by Authorization: Bearer, send a transaction to /multi-exec",
                          row.name));
}

Status CommandReader::read_command(std::string_view json) {
  JsonScanner scanner(json);
  if (scanner.next() != Kind::begin_array)
    return wrong(scanner, "a command is an array: its name, and arguments");
  if (Status s = read_rest(scanner); !s) return s;
  if (scanner.next() != Kind::end) return wrong(scanner, "something follows the command");
  return {};
}

Status CommandReader::read_commands(std::string_view json) {
  JsonScanner scanner(json);
  if (scanner.next() != Kind::begin_array) return wrong(scanner, "this is no array of commands");
  for (Kind kind = scanner.next(); kind != Kind::end_array; kind = scanner.next()) {
    if (kind != Kind::begin_array)
      return wrong(scanner, "a command is an array: its name, and arguments");
    if (out_.count() == limits::http_pipeline_commands_max) {
      return fail(Code::err, fmt::format("more than {} commands in one request",
                                         limits::http_pipeline_commands_max));
    }
    if (Status s = read_rest(scanner); !s) return s;
  }
  if (scanner.next() != Kind::end) return wrong(scanner, "something follows the commands");
  if (out_.count() == 0) return fail(Code::err, "the body has no command");
  return {};
}

/// A command behind its `[`.
Status CommandReader::read_rest(JsonScanner& scanner) {
  begin();
  while (true) {
    switch (scanner.next()) {
      case Kind::string:
      case Kind::number:
      case Kind::yes:
      case Kind::no:
        if (Status s = add(scanner.text()); !s) return s;
        break;
      case Kind::end_array:
        return end();
      default:
        return wrong(scanner, "an argument is a string, a number, true or false");
    }
  }
}

}  // namespace holdfast::server
