// SPDX-License-Identifier: Apache-2.0
#include "server/http_openapi.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/version.h"
#include "server/http_route.h"

namespace holdfast::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view about =
    "Everything that RESP can do, as JSON. A command may also be a path, as in "
    "GET /get/likes:42 or POST /set/likes:42/1?EX=60, which OpenAPI cannot describe.";

Json text_parameter(std::string_view name, const char* in, std::string_view description = {}) {
  Json parameter{{"name", name}, {"in", in}, {"schema", {{"type", "string"}}}};
  if (in == std::string_view("path")) parameter["required"] = true;
  if (!description.empty()) parameter["description"] = description;
  return parameter;
}

Json reference(const char* name) {
  return {{"$ref", "#/components/parameters/" + std::string(name)}};
}

constexpr std::string_view call_path = "/v1/functions/{keyspace}/{function}";

/// {…} of a path, in turn.
std::vector<std::string_view> names_in(std::string_view path) {
  std::vector<std::string_view> names;
  for (std::size_t at = 0; (at = path.find('{', at)) != std::string_view::npos; ++at)
    names.push_back(path.substr(at + 1, path.find('}', at) - at - 1));
  return names;
}

/// Whether anybody may ask it.
bool is_open(const Route& route) {
  return route.answering == Answering::page || route.answering == Answering::file;
}

Json parameters_of(const Route& route) {
  Json parameters = Json::array();
  for (const std::string_view name : names_in(route.path))
    parameters.push_back(text_parameter(name, "path"));
  for (std::string_view rest = route.query; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    parameters.push_back(text_parameter(name, "query"));
  }
  if (is_open(route)) return parameters;
  if (route.changes) parameters.push_back(reference("IdempotencyKey"));
  if (route.conditional) {
    parameters.push_back(reference("IfMatch"));
    parameters.push_back(reference("IfNoneMatch"));
  }
  parameters.push_back(reference("Token"));
  return parameters;
}

Json content_of(std::string_view type, std::string_view schema) {
  return {{std::string(type), {{"schema", Json::parse(schema)}}}};
}

Json operation_of(const Route& route) {
  Json operation{{"summary", route.summary}};
  if (const Json parameters = parameters_of(route); !parameters.empty())
    operation["parameters"] = parameters;
  if (!route.body.empty()) {
    operation["requestBody"] = {{"required", route.takes_json},
                                {"content", content_of(route.body_type, route.body)}};
  }
  Json response{{"description", "As asked"}};
  if (!route.told.empty()) response["content"] = content_of(route.told_type, route.told);
  Json problem{{"$ref", "#/components/responses/Problem"}};
  operation["responses"] = {{std::to_string(route.status), response}, {"default", problem}};
  if (is_open(route)) operation["security"] = Json::array({Json::object()});
  return operation;
}

Json components() {
  Json parameters;
  parameters["IdempotencyKey"] =
      text_parameter("Idempotency-Key", "header",
                     "The request id: the effect happens once, every retry gets the first answer");
  parameters["IfMatch"] =
      text_parameter("If-Match", "header", "An ETag that was told, or *; else 412");
  parameters["IfNoneMatch"] =
      text_parameter("If-None-Match", "header", "*: only where there is none; else 412");
  parameters["Token"] = text_parameter(
      "Holdfast-Token", "header",
      "What was seen before, as the last answer's Holdfast-Token said, or empty: to read one's "
      "writes on any node");
  const Json problem = Json::parse(R"({"type": "object", "required": ["title", "status", "detail"],
    "properties": {"type": {"type": "string"}, "title": {"type": "string"},
      "status": {"type": "integer"}, "detail": {"type": "string"},
      "code": {"type": "string", "description": "docs/errors.md"}, "error": {"type": "string"}}})");
  const Json outcome = Json::parse(R"({"oneOf": [
    {"type": "object", "required": ["result"], "properties": {"result": {}},
     "additionalProperties": false},
    {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}},
     "additionalProperties": false}]})");
  return {{"schemas", {{"Problem", problem}, {"Outcome", outcome}}},
          {"parameters", parameters},
          {"responses",
           {{"Problem",
             {{"description", "It was not done, but for status 504: perhaps it was"},
              {"content",
               {{std::string(problem_type),
                 {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}}}}},
          {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}}};
}

std::string document_of(const Json& paths, std::string_view description) {
  const Json document{
      {"openapi", "3.1.0"},
      {"info", {{"title", "Holdfast"}, {"version", product_version}, {"description", description}}},
      {"security", Json::array({Json::object(), {{"token", Json::array()}}})},
      {"paths", paths},
      {"components", components()}};
  return document.dump() + "\n";
}

/// Who else may call it than the keyspace's owner, in words.
std::string callers_of(const Json& function) {
  const Json allowed = function.value("allow", Json());
  if (!allowed.is_array()) return "Every service may call it.";
  std::string names;
  for (const Json& name : allowed) {
    if (!names.empty()) names += ", ";
    names += name.get<std::string>();
  }
  return names.empty() ? "Only the keyspace's owner may call it."
                       : "Beside the keyspace's owner these may call it: " + names + ".";
}

}  // namespace

std::string openapi_of_functions(std::string_view listed) {
  const auto found =
      std::ranges::find_if(routes(), [](const Route& route) { return route.path == call_path; });
  Json paths = Json::object();
  for (const Json& library : Json::parse(listed)) {
    for (const Json& function : library["functions"]) {
      Json operation = operation_of(*found);
      const auto call = function["call"].get<std::string>();
      const Json description = function.value("description", Json());
      operation["summary"] = description.is_string() ? description : Json("Call " + call);
      operation["description"] = callers_of(function);
      operation["operationId"] = call;
      operation["tags"] = Json::array({library["keyspace"]});
      auto& parameters = operation["parameters"];  // those of the path are named already
      parameters.erase(parameters.begin(), parameters.begin() + 2);
      std::string path(call_path);
      path.replace(path.find("{function}"), 10, function["name"].get<std::string>());
      path.replace(path.find("{keyspace}"), 10, library["keyspace"].get<std::string>());
      paths[path]["post"] = operation;
    }
  }
  return document_of(paths, "The functions that services have published, and the caller may call.");
}

std::string openapi_document() {
  Json paths = Json::object();
  for (const Route& route : routes()) {
    std::string method(route.method);
    std::ranges::transform(method, method.begin(),
                           [](char c) { return static_cast<char>(c | 0x20); });
    paths[std::string(route.path)][method] = operation_of(route);
  }
  return document_of(paths, about);
}

}  // namespace holdfast::server
