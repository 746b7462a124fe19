// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "base/reply_tokens.h"
#include "server/http_resources.h"

namespace holdfast::server {
namespace {

constexpr JsonStyle embedded{.resp2 = false, .embedded = true};

Refused list_definitions(Asking& asking) {
  send(asking, {"WORKFLOW", "DEFINITIONS"});
  return {};
}

Refused show_definition(Asking& asking) {
  // Names of workflows hold nothing that a pattern reads otherwise.
  send(asking, {"WORKFLOW", "DEFINITIONS", asking.names[0]});
  return {};
}

HttpAnswer tell_definition(const Told& told) {
  return with(told, [](std::string_view reply) {
    ReplyTokens in(reply);
    if (in.next().children == 0) return problem(404, "there is no such workflow");
    std::string body;
    append_json(body, in.skip_value(), {}, embedded);
    return json_answer(std::move(body));
  });
}

Refused define(Asking& asking) {
  const auto body = workflow::parse_json(asking.request.body);
  if (!body) return problem(Error{Code::err, "the body: " + body.error().message});
  if (!body->is_object() || !body->contains("name") || (*body)["name"] != asking.names[0])
    return problem(Error{Code::err, "the body's \"name\" is not that of the path"});
  send(asking, {"WORKFLOW", "DEFINE", asking.request.body});
  return {};
}

HttpAnswer tell_version(const Told& told) {
  return with(told, [](std::string_view reply) {
    std::string body = R"({"version":)";
    append_json(body, reply, {}, embedded);
    return json_answer(body + "}");
  });
}

Refused start(Asking& asking) {
  const auto body = body_object(asking, {"run", "input", "version"});
  if (!body) return problem(body.error());
  if (!body->contains("run") || !(*body)["run"].is_string())
    return problem(Error{Code::err, "the body has no \"run\", the run's id"});
  const auto input = body->find("input");
  std::vector<std::string> words{"WORKFLOW", "START", (*body)["run"].get<std::string>(),
                                 asking.names[0],
                                 input == body->end() ? "{}" : workflow::write_json(*input)};
  if (body->contains("version")) {
    words.emplace_back("VERSION");
    words.push_back(argument_of((*body)["version"]));
  }
  send(asking, words);
  return {};
}

Refused list_runs(Asking& asking) {
  std::vector<std::string> words{"WORKFLOW", "LIST", query_of(asking, "cursor").value_or("0")};
  const auto filter = [&](std::string_view name, std::string_view word) {
    const auto value = query_of(asking, name);
    if (!value) return;
    words.emplace_back(word);
    words.push_back(*value);
  };
  filter("workflow", "WORKFLOW");
  filter("state", "STATE");
  filter("count", "COUNT");
  send(asking, words);
  return {};
}

HttpAnswer tell_runs(const Told& told) {
  return with(told, [](std::string_view reply) {
    ReplyTokens in(reply);
    in.next();
    std::string body = R"({"cursor":)";
    append_json(body, in.skip_value(), {}, embedded);
    body += R"(,"runs":)";
    append_json(body, in.skip_value(), {}, embedded);
    return json_answer(body + "}");
  });
}

Refused show_run(Asking& asking) {
  send(asking, {"WORKFLOW", "STATUS", asking.names[0]});
  return {};
}

Refused show_history(Asking& asking) {
  send(asking, {"WORKFLOW", "HISTORY", asking.names[0]});
  return {};
}

Refused cancel(Asking& asking) {
  send(asking, {"WORKFLOW", "CANCEL", asking.names[0]});
  return {};
}

Refused retry(Asking& asking) {
  send(asking, {"WORKFLOW", "RETRY", asking.names[0]});
  return {};
}

Refused signal(Asking& asking) {
  std::vector<std::string> words{"WORKFLOW", "SIGNAL", asking.names[0], asking.names[1]};
  if (!asking.request.body.empty()) words.emplace_back(asking.request.body);
  send(asking, words);
  return {};
}

constexpr std::string_view definition_schema = R"({"type": "object",
  "required": ["workflow", "version", "definition"],
  "properties": {"workflow": {"type": "string"}, "version": {"type": "integer"},
    "definition": {"type": "object"}}})";
constexpr std::string_view definitions_schema = R"({"type": "array", "items": {"type": "object",
  "required": ["workflow", "version", "definition"]}})";
constexpr std::string_view define_schema = R"({"type": "object", "required": ["name", "steps"]})";
constexpr std::string_view version_schema = R"({"type": "object", "required": ["version"],
  "properties": {"version": {"type": "integer"}}})";
constexpr std::string_view start_schema = R"({"type": "object", "required": ["run"],
  "additionalProperties": false,
  "properties": {"run": {"type": "string"}, "input": {}, "version": {"type": "integer"}}})";
constexpr std::string_view run_schema = R"({"type": "object",
  "required": ["run", "workflow", "version", "state"],
  "properties": {"run": {"type": "string"}, "workflow": {"type": "string"},
    "version": {"type": "integer"},
    "state": {"enum": ["running", "done", "undoing", "undone", "stuck", "cancelled"]}}})";
constexpr std::string_view runs_schema = R"({"type": "object", "required": ["cursor", "runs"],
  "properties": {"cursor": {"type": "string"},
    "runs": {"type": "array", "items": {"type": "object", "required": ["run", "state"]}}}})";
constexpr std::string_view history_schema = R"({"type": "array", "items": {"type": "object",
  "required": ["step", "call", "attempt", "request-id", "outcome"]}})";

constexpr Route change_of_run(std::string_view path, Refused (*ask)(Asking&),
                              std::string_view summary, std::string_view body = {}) {
  return {.method = "POST",
          .path = path,
          .ask = ask,
          .tell = tell_reply,
          .changes = true,
          .summary = summary,
          .body = body,
          .told = run_schema};
}

constexpr Route rows[] = {
    {.method = "GET",
     .path = "/v1/workflows",
     .ask = list_definitions,
     .tell = tell_reply,
     .summary = "The caller's workflows, as they were declared last",
     .told = definitions_schema},
    {.method = "GET",
     .path = "/v1/workflows/{workflow}",
     .ask = show_definition,
     .tell = tell_definition,
     .summary = "A workflow, as it was declared last",
     .told = definition_schema},
    {.method = "PUT",
     .path = "/v1/workflows/{workflow}",
     .ask = define,
     .tell = tell_version,
     .takes_json = true,
     .changes = true,
     .summary = "Declare a workflow, or its next version",
     .body = define_schema,
     .told = version_schema},
    {.method = "POST",
     .path = "/v1/workflows/{workflow}/runs",
     .ask = start,
     .tell = tell_reply,
     .takes_json = true,
     .changes = true,
     .summary = "Begin a run; asked again it tells of the run that there is",
     .body = start_schema,
     .told = run_schema},
    {.method = "GET",
     .path = "/v1/runs",
     .ask = list_runs,
     .tell = tell_runs,
     .summary = "The caller's runs; go on with the cursor until it is 0",
     .query = "cursor,workflow,state,count",
     .told = runs_schema},
    {.method = "GET",
     .path = "/v1/runs/{run}",
     .ask = show_run,
     .tell = tell_reply,
     .summary = "A run, and each of its steps",
     .told = run_schema},
    {.method = "GET",
     .path = "/v1/runs/{run}/history",
     .ask = show_history,
     .tell = tell_reply,
     .summary = "Every attempt of a run that has ended",
     .told = history_schema},
    change_of_run("/v1/runs/{run}/cancel", cancel, "Undo what a run did"),
    change_of_run("/v1/runs/{run}/retry", retry, "Of a stuck run: try the stuck undos anew"),
    change_of_run("/v1/runs/{run}/signals/{signal}", signal,
                  "What a step of the run waits for has happened", "{}"),
};

}  // namespace

std::span<const Route> workflow_routes() {
  return rows;
}

}  // namespace holdfast::server
