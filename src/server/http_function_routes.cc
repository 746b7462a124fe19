// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "server/http_openapi.h"
#include "server/http_resources.h"

namespace holdfast::server {
namespace {

Refused list_functions(Asking& asking) {
  std::vector<std::string> words{"FUNCTION", "LIST"};
  if (const auto library = query_of(asking, "library")) {
    words.emplace_back("LIBRARYNAME");
    words.push_back(*library);
  }
  send(asking, words);
  return {};
}

HttpAnswer describe_functions(const Told& told) {
  HttpAnswer listed = tell_reply(told);
  if (listed.status == 200) listed.body = openapi_of_functions(listed.body);
  return listed;
}

/// The words of an array of arguments: strings as they are, everything else as its JSON.
Status append_words(const workflow::Json& body, const char* name, std::vector<std::string>& words) {
  const auto found = body.find(name);
  if (found == body.end()) return {};
  if (!found->is_array()) return fail(Code::err, "\"" + std::string(name) + "\" is no array");
  for (const workflow::Json& one : *found)
    words.push_back(one.is_string() ? one.get<std::string>() : workflow::write_json(one));
  return {};
}

Refused call_function(Asking& asking) {
  const auto body = body_object(asking, {"keys", "args", "read-only"});
  if (!body) return problem(body.error());
  std::vector<std::string> keys;
  std::vector<std::string> args;
  if (Status s = append_words(*body, "keys", keys); !s) return problem(s.error());
  if (Status s = append_words(*body, "args", args); !s) return problem(s.error());
  const bool read_only = body->contains("read-only") && (*body)["read-only"] == true;
  std::vector<std::string> words{read_only ? "FCALL_RO" : "FCALL",
                                 asking.names[0] + "." + asking.names[1],
                                 std::to_string(keys.size())};
  words.insert(words.end(), keys.begin(), keys.end());
  words.insert(words.end(), args.begin(), args.end());
  send(asking, words);
  return {};
}

constexpr std::string_view functions_schema = R"({"type": "array", "items": {"type": "object",
  "required": ["library_name", "keyspace", "functions"],
  "properties": {"library_name": {"type": "string"}, "keyspace": {"type": "string"},
    "functions": {"type": "array", "items": {"type": "object", "required": ["name", "call"],
      "properties": {"name": {"type": "string"}, "description": {"type": ["string", "null"]},
        "call": {"type": "string"}, "flags": {"type": "array", "items": {"type": "string"}},
        "allow": {"type": ["array", "string", "null"]}}}}}}})";
constexpr std::string_view description_schema = R"({"type": "object",
  "required": ["openapi", "info", "paths"], "properties": {"openapi": {"const": "3.1.0"},
    "info": {"type": "object"}, "paths": {"type": "object"}}})";
constexpr std::string_view call_schema = R"({"type": "object", "additionalProperties": false,
  "properties": {"keys": {"type": "array", "items": {"type": "string"}},
    "args": {"type": "array"}, "read-only": {"type": "boolean"}}})";
constexpr std::string_view result_schema = R"({"type": "object", "required": ["result"]})";

constexpr Route rows[] = {
    {.method = "GET",
     .path = "/v1/functions",
     .ask = list_functions,
     .tell = tell_reply,
     .summary = "The functions that the caller may call, by library",
     .query = "library",
     .told = functions_schema},
    {.method = "GET",
     .path = "/v1/functions/openapi.json",
     .ask = list_functions,
     .tell = describe_functions,
     .summary = "Those functions, each with its description, as OpenAPI 3.1",
     .query = "library",
     .told = description_schema},
    {.method = "POST",
     .path = "/v1/functions/{keyspace}/{function}",
     .answering = Answering::command,
     .ask = call_function,
     .takes_json = true,
     .as_objects = true,
     .changes = true,
     .summary = "Call a function of a keyspace",
     .body = call_schema,
     .told = result_schema},
};

}  // namespace

std::span<const Route> function_routes() {
  return rows;
}

}  // namespace holdfast::server
