// SPDX-License-Identifier: Apache-2.0
#include "server/http_resources.h"

namespace holdfast::server {
namespace {

/// OpenAPI has no words for streams: this is what one event's data is.
constexpr std::string_view state_schema = R"({"type": "object", "required": ["at-ms", "node"],
  "properties": {"at-ms": {"type": "integer"}, "caller": {"type": "object"},
    "node": {"type": "object"}, "nodes": {"type": "array"}, "links": {"type": "array"},
    "engine": {"type": "object"}, "load": {"type": "object"}, "latency": {"type": "object"},
    "keyspaces": {"type": "array"}, "keyspaces-more": {"type": "integer"},
    "runs": {"type": "object"}, "slow": {"type": "object"}, "calls": {"type": "array"}}})";
constexpr std::string_view slow_schema = R"({"type": "array", "items": {"type": "object",
  "required": ["id", "at-ms", "took-us", "command", "client", "service"],
  "properties": {"id": {"type": "integer"}, "at-ms": {"type": "integer"},
    "took-us": {"type": "integer"}, "command": {"type": "array", "items": {"type": "string"}},
    "client": {"type": "string"}, "service": {"type": ["string", "null"]}}}})";

Refused list_slow(Asking& asking) {
  send(asking, {"SLOWLOG", "ENTRIES", query_of(asking, "count").value_or("10")});
  return {};
}

constexpr Route rows[] = {
    {.method = "GET",
     .path = "/v1/events",
     .answering = Answering::stream,
     .summary = "How things are, at once and then each second: server-sent events `state`, whose "
                "data is a JSON object",
     .told = state_schema,
     .told_type = event_stream_type},
    {.method = "GET",
     .path = "/v1/slow",
     .ask = list_slow,
     .tell = tell_reply,
     .summary = "The node's slow commands, the newest first, as far as they are the caller's",
     .query = "count",
     .told = slow_schema},
};

}  // namespace

std::span<const Route> watch_routes() {
  return rows;
}

}  // namespace holdfast::server
