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

class Backend;

/// How the replies to a route's commands become its answer.
enum class Answering : std::uint8_t {
  page,         // there are none: the node has the page
  file,         // likewise: it is compiled in
  stream,       // likewise: it goes on until the client has enough
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
  const Backend& backend;
  EncodedCommands& out;
  std::string note;  // for Told
};

/// What a resource's answer is made of.
struct Told {
  std::span<const std::string> replies;  // canonical, one for each command
  std::string_view note;                 // what `ask` has left
};

/// Why it is not asked at all; nothing: it is.
using Refused = std::optional<HttpAnswer>;

/// One line of the table of everything that the HTTP port answers. What is served is what
/// /openapi.json tells: both come from here.
struct Route {
  std::string_view method;
  std::string_view path;  // "/v1/keyspaces/{keyspace}"
  Answering answering = Answering::resource;
  Refused (*ask)(Asking&) = nullptr;          // what to ask: commands
  HttpAnswer (*tell)(const Told&) = nullptr;  // a resource
  bool takes_json = false;                    // its body is JSON
  bool as_objects = false;   // in a {"result": …}: maps are objects, not as in RESP2
  bool changes = false;      // something: takes an Idempotency-Key
  bool conditional = false;  // takes If-Match and If-None-Match
  std::string_view summary;
  std::string_view query;  // names of parameters behind the ?, with commas
  std::string_view body;   // JSON Schema of what it takes; empty: no body
  std::string_view body_type = json_type;
  int status = 200;       // where all is well
  std::string_view told;  // JSON Schema of what it answers then; empty: no body
  std::string_view told_type = json_type;
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
