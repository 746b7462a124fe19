// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "command/table.h"
#include "server/encoded_commands.h"

namespace holdfast::server {

/// Commands out of requests that are no RESP. What is about a connection (MULTI, AUTH, CLIENT …)
/// is refused: such a request has none that stays its own.
class CommandReader {
 public:
  /// `wrapping`: words that stand before every command, like ONCE and a request id.
  CommandReader(const CommandTable& commands, std::span<const std::string> wrapping,
                EncodedCommands& out)
      : commands_(commands), wrapping_(wrapping), out_(out) {}

  /// ["INCRBY", "likes:42", 1]: strings are arguments as they are, numbers as they are written,
  /// true and false by their names. kErr: where it is something else, and what.
  Status read_command(std::string_view json);
  /// An array of those, limits::http_pipeline_commands_max at most.
  Status read_commands(std::string_view json);

  // A command argument by argument.
  void begin();
  Status add(std::string_view argument);
  Status end();

 private:
  Status read_rest(class JsonScanner& scanner);
  Status look_at(std::string_view argument);
  Status refuse_connections(const Row& row) const;

  const CommandTable& commands_;
  std::span<const std::string> wrapping_;
  EncodedCommands& out_;
  // What is looked at is the command's name, behind wrappers and what they take.
  bool looks_ = true;
  std::size_t passes_ = 0;  // so many arguments first
  std::string family_;      // of a subcommand whose name is to come
  std::size_t own_ = 0;     // arguments of its own
};

}  // namespace holdfast::server
