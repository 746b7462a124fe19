// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "command/table.h"
#include "server/encoded_commands.h"
#include "server/http_answer.h"
#include "server/http_request.h"

namespace holdfast::server {

/// How the replies to a route's commands become its answer.
enum class Answering : std::uint8_t {
  page,         // there are none: the node has the page
  command,      // {"result": …} or {"error": …}
  commands,     // an array of those
  transaction,  // MULTI, commands, EXEC: the same
  resource,     // the route's own
};

/// A request as its route sees it.
struct Asking {
  const http::Request& request;
  const CommandTable& commands;
  std::span<const std::string> wrapping;  // words before the command: AFTER, ONCE, LOCAL, …
  std::vector<std::string> names;         // what stands in the path in place of {…}, in turn
  EncodedCommands& out;
};

/// Why it is not asked at all; nothing: it is.
using Refused = std::optional<HttpAnswer>;

/// One line of the table of everything that the HTTP port answers.
struct Route {
  std::string_view method;
  std::string_view path;  // "/v1/keyspaces/{keyspace}"
  Answering answering = Answering::resource;
  Refused (*ask)(Asking&) = nullptr;                           // what to ask: commands
  HttpAnswer (*tell)(std::span<const std::string>) = nullptr;  // the answer, of canonical replies
  bool takes_json = false;                                     // its body is JSON
  std::string_view summary;
};

/// All of them. A path that names a command, "/get/likes:42", is not in it: see path_command().
std::span<const Route> routes();

struct Routed {
  const Route* route = nullptr;  // nullptr: `refused` says why
  std::vector<std::string> names;
  Refused refused;
};
/// HEAD is GET.
Routed find_route(const CommandTable& commands, const http::Request& request);

}  // namespace holdfast::server
