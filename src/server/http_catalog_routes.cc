// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "base/reply_tokens.h"
#include "server/http_resources.h"

namespace holdfast::server {
namespace {

// -- Keyspaces

/// The settings that KEYSPACE CREATE and ALTER take, by their words in lower case.
struct Setting {
  std::string_view name;
  std::string_view word;
};
constexpr Setting settings[] = {{"guarantee", "GUARANTEE"},   {"owner", "OWNER"},
                                {"retain-ids", "RETAIN-IDS"}, {"require-id", "REQUIRE-ID"},
                                {"durability", "DURABILITY"}, {"max-ids-bytes", "MAX-IDS-BYTES"}};

Refused send_settings(Asking& asking, std::vector<std::string> words, const workflow::Json& body) {
  for (const Setting& setting : settings) {
    const auto found = body.find(setting.name);
    if (found == body.end()) continue;
    words.emplace_back(setting.word);
    words.push_back(argument_of(*found));
  }
  send(asking, words);
  return {};
}

Refused list_keyspaces(Asking& asking) {
  send(asking, {"KEYSPACE", "LIST"});
  return {};
}

Refused create_keyspace(Asking& asking) {
  const auto body = body_object(asking, {"name", "guarantee", "owner", "retain-ids", "require-id",
                                         "durability", "max-ids-bytes"});
  if (!body) return problem(body.error());
  if (!body->contains("name")) return problem(Error{Code::err, "the body has no \"name\""});
  return send_settings(asking, {"KEYSPACE", "CREATE", argument_of((*body)["name"])}, *body);
}

Refused show_keyspace(Asking& asking) {
  send(asking, {"KEYSPACE", "INFO", asking.names[0]});
  return {};
}

Refused alter_keyspace(Asking& asking) {
  const auto body =
      body_object(asking, {"owner", "retain-ids", "require-id", "durability", "max-ids-bytes"});
  if (!body) return problem(body.error());
  return send_settings(asking, {"KEYSPACE", "ALTER", asking.names[0]}, *body);
}

Refused drop_keyspace(Asking& asking) {
  send(asking, {"KEYSPACE", "DROP", asking.names[0]});
  return {};
}

HttpAnswer tell_created(const Told& told) {
  return with(told, [](std::string_view) { return HttpAnswer{201, {}, {}, {}}; });
}

// -- Services

Refused list_services(Asking& asking) {
  send(asking, {"SERVICE", "LIST"});
  return {};
}

Refused create_service(Asking& asking) {
  const auto body = body_object(asking, {"name", "admin"});
  if (!body) return problem(body.error());
  if (!body->contains("name")) return problem(Error{Code::err, "the body has no \"name\""});
  std::vector<std::string> words{"SERVICE", "CREATE", argument_of((*body)["name"])};
  if (body->contains("admin")) {
    if (!(*body)["admin"].is_boolean())
      return problem(Error{Code::err, "\"admin\" is true or false"});
    if ((*body)["admin"].get<bool>()) words.emplace_back("ADMIN");
  }
  send(asking, words);
  return {};
}

Refused show_service(Asking& asking) {
  send(asking, {"SERVICE", "INFO", asking.names[0]});
  return {};
}

Refused rotate_service(Asking& asking) {
  std::vector<std::string> words{"SERVICE", "ROTATE", asking.names[0]};
  if (!asking.request.body.empty()) {
    const auto body = body_object(asking, {"overlap"});
    if (!body) return problem(body.error());
    if (body->contains("overlap")) {
      words.emplace_back("OVERLAP");
      words.push_back(argument_of((*body)["overlap"]));
    }
  }
  send(asking, words);
  return {};
}

Refused drop_service(Asking& asking) {
  send(asking, {"SERVICE", "DROP", asking.names[0]});
  return {};
}

template <int status>
HttpAnswer tell_token(const Told& told) {
  return with(told, [](std::string_view reply) {
    std::string body = R"({"token":)";
    append_json(body, reply, {}, {.resp2 = false});
    return json_answer(body + "}", status);
  });
}

// -- Nodes

Refused list_nodes(Asking& asking) {
  send(asking, {"NODE", "LIST"});
  return {};
}

Refused show_node(Asking& asking) {
  send(asking, {"NODE", "INFO", asking.names[0]});
  return {};
}

Refused show_this_node(Asking& asking) {
  send(asking, {"NODE", "INFO"});
  return {};
}

Refused remove_node(Asking& asking) {
  send(asking, {"NODE", "REMOVE", asking.names[0]});
  return {};
}

// -- Request ids

Refused show_outcome(Asking& asking) {
  send(asking, {"OUTCOME", asking.names[1], asking.names[0]});
  return {};
}

Refused void_id(Asking& asking) {
  send(asking, {"VOID", asking.names[1], asking.names[0]});
  return {};
}

/// An outcome is an array of the one recorded reply, so that a refusal that was recorded is not
/// taken for one of the question.
HttpAnswer tell_outcome(const Told& told) {
  const std::string& reply = told.replies.back();
  const bool is_voided = status_of(std::string_view(reply).substr(1)) == 409;
  if (reply.starts_with('-') && !is_voided) return refusal_of(reply);
  ReplyTokens in(reply);
  std::string_view outcome = reply;
  if (const ReplyToken first = in.next(); first.kind == '*' && !first.null)
    outcome = in.skip_value();
  std::string body = R"({"outcome":)";
  if (outcome.starts_with('-')) {
    body += R"({"error":)";
    append_json_string(body, outcome.substr(1, outcome.find('\r') - 1));
    body += '}';
  } else if (outcome.data() == reply.data()) {
    body += "null";  // nothing yet; or, of VOID, nothing any more
  } else {
    body += R"({"result":)";
    append_json(body, outcome, {}, {.resp2 = false});
    body += '}';
  }
  return json_answer(body + "}");
}

constexpr std::string_view names = R"({"type": "array", "items": {"type": "string"}})";
constexpr std::string_view keyspace_schema =
    R"({"type": "object", "required": ["name", "guarantee"],
  "properties": {"name": {"type": "string"}, "guarantee": {"enum": ["strong", "eventual"]},
    "owner": {"type": "string"}, "retain-ids": {"type": "string"}, "require-id": {"enum": ["yes", "no"]},
    "durability": {"enum": ["always", "everysec"]}, "keys": {"type": "integer"}}})";
constexpr std::string_view create_keyspace_schema = R"({"type": "object",
  "required": ["name", "guarantee"], "additionalProperties": false,
  "properties": {"name": {"type": "string"}, "guarantee": {"enum": ["strong", "eventual"]},
    "owner": {"type": "string"}, "retain-ids": {"type": "string", "examples": ["72h"]},
    "require-id": {"type": "boolean"}, "durability": {"enum": ["always", "everysec"]},
    "max-ids-bytes": {"type": ["string", "integer"]}}})";
constexpr std::string_view alter_keyspace_schema = R"({"type": "object",
  "additionalProperties": false,
  "properties": {"owner": {"type": "string"}, "retain-ids": {"type": "string"},
    "require-id": {"type": "boolean"}, "durability": {"enum": ["always", "everysec"]},
    "max-ids-bytes": {"type": ["string", "integer"]}}})";
constexpr std::string_view service_schema = R"({"type": "object", "required": ["name"],
  "properties": {"name": {"type": "string"}}})";
constexpr std::string_view create_service_schema = R"({"type": "object", "required": ["name"],
  "additionalProperties": false,
  "properties": {"name": {"type": "string"}, "admin": {"type": "boolean"}}})";
constexpr std::string_view rotate_schema = R"({"type": "object", "additionalProperties": false,
  "properties": {"overlap": {"type": "string", "examples": ["1h"]}}})";
constexpr std::string_view token_schema = R"({"type": "object", "required": ["token"],
  "properties": {"token": {"type": "string"}}})";
constexpr std::string_view node_schema = R"({"type": "object", "required": ["id", "state"],
  "properties": {"id": {"type": "string"}, "state": {"type": "string"}}})";
constexpr std::string_view nodes_schema = R"({"type": "array", "items": {"type": "object"}})";
constexpr std::string_view outcome_schema = R"({"type": "object", "required": ["outcome"],
  "additionalProperties": false, "properties": {"outcome": {"oneOf": [{"type": "null"},
    {"$ref": "#/components/schemas/Outcome"}]}}})";

constexpr Route rows[] = {
    {.method = "GET",
     .path = "/v1/keyspaces",
     .ask = list_keyspaces,
     .tell = tell_reply,
     .summary = "The keyspaces' names",
     .told = names},
    {.method = "POST",
     .path = "/v1/keyspaces",
     .ask = create_keyspace,
     .tell = tell_created,
     .takes_json = true,
     .changes = true,
     .summary = "Declare a keyspace",
     .body = create_keyspace_schema,
     .status = 201},
    {.method = "GET",
     .path = "/v1/keyspaces/{keyspace}",
     .ask = show_keyspace,
     .tell = tell_reply,
     .summary = "What a keyspace is, and what is in it",
     .told = keyspace_schema},
    {.method = "PATCH",
     .path = "/v1/keyspaces/{keyspace}",
     .ask = alter_keyspace,
     .tell = tell_done,
     .takes_json = true,
     .changes = true,
     .summary = "Change a keyspace's settings",
     .body = alter_keyspace_schema,
     .status = 204},
    {.method = "DELETE",
     .path = "/v1/keyspaces/{keyspace}",
     .ask = drop_keyspace,
     .tell = tell_done,
     .changes = true,
     .summary = "Drop a keyspace with everything in it",
     .status = 204},
    {.method = "GET",
     .path = "/v1/services",
     .ask = list_services,
     .tell = tell_reply,
     .summary = "The services' names",
     .told = nodes_schema},
    {.method = "POST",
     .path = "/v1/services",
     .ask = create_service,
     .tell = tell_token<201>,
     .takes_json = true,
     .summary = "Declare a service; answers its token, this once",
     .body = create_service_schema,
     .status = 201,
     .told = token_schema},
    {.method = "GET",
     .path = "/v1/services/{service}",
     .ask = show_service,
     .tell = tell_reply,
     .summary = "What a service is",
     .told = service_schema},
    {.method = "POST",
     .path = "/v1/services/{service}/rotate",
     .ask = rotate_service,
     .tell = tell_token<200>,
     .summary = "Give a service another token",
     .body = rotate_schema,
     .told = token_schema},
    {.method = "DELETE",
     .path = "/v1/services/{service}",
     .ask = drop_service,
     .tell = tell_done,
     .changes = true,
     .summary = "Drop a service",
     .status = 204},
    {.method = "GET",
     .path = "/v1/nodes",
     .ask = list_nodes,
     .tell = tell_reply,
     .summary = "The cluster's members",
     .told = nodes_schema},
    {.method = "GET",
     .path = "/v1/node",
     .ask = show_this_node,
     .tell = tell_reply,
     .summary = "The node that answers",
     .told = node_schema},
    {.method = "GET",
     .path = "/v1/nodes/{node}",
     .ask = show_node,
     .tell = tell_reply,
     .summary = "One member",
     .told = node_schema},
    {.method = "DELETE",
     .path = "/v1/nodes/{node}",
     .ask = remove_node,
     .tell = tell_done,
     .changes = true,
     .summary = "Forget a member that will not come back",
     .status = 204},
    {.method = "GET",
     .path = "/v1/ids/{keyspace}/{id}",
     .ask = show_outcome,
     .tell = tell_outcome,
     .summary = "What became of a request id: its recorded outcome, or null for nothing yet",
     .told = outcome_schema},
    {.method = "POST",
     .path = "/v1/ids/{keyspace}/{id}/void",
     .ask = void_id,
     .tell = tell_outcome,
     .summary =
         "Settle a request id: its outcome, or null, and it never runs. Strong keyspaces only",
     .told = outcome_schema},
};

}  // namespace

std::span<const Route> catalog_routes() {
  return rows;
}

}  // namespace holdfast::server
