// SPDX-License-Identifier: Apache-2.0
#include "server/http_command_routes.h"

#include <algorithm>

#include "server/command_reader.h"
#include "server/wrappers.h"

namespace holdfast::server {
namespace {

constexpr std::string_view command_prefix = "/v1/command/";

Refused refused(const Status& status) {
  if (status) return std::nullopt;
  return problem(status.error());
}

Refused ask_command(Asking& asking) {
  CommandReader reader(asking.commands, asking.wrapping, asking.out);
  return refused(reader.read_command(asking.request.body));
}

Refused ask_commands(Asking& asking) {
  if (asking.request.header(http::Header::idempotency_key)) {
    return problem(400,
                   "Idempotency-Key: each command of a pipeline has an outcome of its own, so it "
                   "needs an id of its own: [\"ONCE\", id, command, …]. One id for all of them: "
                   "/multi-exec");
  }
  CommandReader reader(asking.commands, asking.wrapping, asking.out);
  return refused(reader.read_commands(asking.request.body));
}

Refused ask_transaction(Asking& asking) {
  for (const http::Header header :
       {http::Header::holdfast_local, http::Header::holdfast_fresh_within}) {
    if (asking.request.header(header))
      return problem(400, std::string(http::header_name(header)) + " is for reads by themselves");
  }
  asking.out.command({"MULTI"});
  CommandReader reader(asking.commands, {}, asking.out);
  if (Status s = reader.read_commands(asking.request.body); !s) return refused(s);
  asking.out.begin();
  for (const std::string& word : asking.wrapping) asking.out.add(word);
  asking.out.add("EXEC");
  asking.out.end();
  return {};
}

/// The path's commands and arguments, with their slashes between.
std::string_view words_of(std::string_view path) {
  path.remove_prefix(path.starts_with(command_prefix) ? command_prefix.size() : 1);
  return path;
}

std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

// A link, an image or a prefetch is a GET that nobody meant to change anything; only browsers say
// Sec-Fetch-Site.
bool may_change(const http::Request& request) {
  return request.method == "POST" || !request.header(http::Header::sec_fetch_site);
}

Refused ask_path(Asking& asking) {
  const http::Request& request = asking.request;
  CommandReader reader(asking.commands, asking.wrapping, asking.out);
  reader.begin();
  std::vector<std::string> words;
  const auto add = [&](std::string_view text, bool in_query) -> Status {
    auto word = http::percent_decoded(text, in_query);
    if (!word) return fail(Code::err, "a % in the path is not followed by two hexadecimal digits");
    if (words.size() < 2) words.push_back(*word);
    return reader.add(*word);
  };
  std::string_view path = words_of(request.path);
  for (bool more = true; more;) {
    more = path.find('/') != std::string_view::npos;
    if (Status s = add(take(path, '/'), false); !s) return refused(s);
  }
  if (!request.body.empty()) {
    if (Status s = reader.add(request.body); !s) return refused(s);
  }
  for (std::string_view query = request.query; !query.empty();) {
    std::string_view pair = take(query, '&');
    const bool has_value = pair.find('=') != std::string_view::npos;
    const std::string_view name = take(pair, '=');
    if (name == "_token")
      return problem(400, "tokens do not belong in URLs: send Authorization: Bearer");
    if (Status s = add(name, true); !s) return refused(s);
    if (!has_value) continue;
    if (Status s = add(pair, true); !s) return refused(s);
  }
  if (!may_change(request)) {
    const Row* const row = words.size() > 1 ? asking.commands.find(words[0], words[1])
                                            : asking.commands.find(words[0]);
    if (row != nullptr && !only_reads(*row)) {
      HttpAnswer answer = problem(405, "a browser changes nothing by GET");
      answer.headers += "Allow: POST\r\n";
      return answer;
    }
  }
  return refused(reader.end());
}

constexpr std::string_view command_schema = R"({"type": "array", "minItems": 1,
  "items": {"type": ["string", "number", "boolean"]}})";
constexpr std::string_view commands_schema = R"({"type": "array", "minItems": 1,
  "items": {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}}})";
constexpr std::string_view outcome_schema = R"({"$ref": "#/components/schemas/Outcome"})";
constexpr std::string_view outcomes_schema = R"({"type": "array",
  "items": {"$ref": "#/components/schemas/Outcome"}})";

constexpr Route command_at(std::string_view path) {
  return {.method = "POST",
          .path = path,
          .answering = Answering::command,
          .ask = ask_command,
          .takes_json = true,
          .changes = true,
          .summary = "Run a command",
          .body = command_schema,
          .told = outcome_schema};
}
constexpr Route commands_at(std::string_view path) {
  return {.method = "POST",
          .path = path,
          .answering = Answering::commands,
          .ask = ask_commands,
          .takes_json = true,
          .summary = "Run commands in turn, each by itself",
          .body = commands_schema,
          .told = outcomes_schema};
}
constexpr Route transaction_at(std::string_view path) {
  return {.method = "POST",
          .path = path,
          .answering = Answering::transaction,
          .ask = ask_transaction,
          .takes_json = true,
          .changes = true,
          .summary = "Run commands of one keyspace as one",
          .body = commands_schema,
          .told = outcomes_schema};
}

constexpr Route rows[] = {
    command_at("/v1/command"),
    commands_at("/v1/pipeline"),
    transaction_at("/v1/multi-exec"),
    // For clients of Upstash, whose address is the node's, or ends in /v1/command.
    command_at("/"),
    commands_at("/pipeline"),
    transaction_at("/multi-exec"),
    commands_at("/v1/command/pipeline"),
    transaction_at("/v1/command/multi-exec"),
};

}  // namespace

std::span<const Route> command_routes() {
  return rows;
}

const Route& path_command() {
  static constexpr Route route{.method = "GET",
                               .path = "/{command}",
                               .answering = Answering::command,
                               .ask = ask_path,
                               .summary = "Run a command that is the path"};
  return route;
}

bool is_path_command(const CommandTable& commands, std::string_view path) {
  std::string_view words = words_of(path);
  const auto name = http::percent_decoded(take(words, '/'));
  return name && (commands.find(*name) != nullptr || commands.has_subcommands(*name));
}

}  // namespace holdfast::server
