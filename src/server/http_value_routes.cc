// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include "base/reply_tokens.h"
#include "server/backend.h"
#include "server/http_resources.h"

namespace holdfast::server {
namespace {

using http::Header;

constexpr std::string_view bytes_type = "application/octet-stream";

/// What a change of a value is made to depend on.
struct Condition {
  std::string version;   // the value's, as it must be; "0": there is none; empty: whatever it is
  bool present = false;  // there must be one
};

/// `"17"`: 17.
std::optional<std::string> version_of(std::string_view etag) {
  if (etag.size() < 3 || !etag.starts_with('"') || !etag.ends_with('"')) return std::nullopt;
  etag = etag.substr(1, etag.size() - 2);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(etag.data(), etag.data() + etag.size(), number);
  if (error != std::errc() || end != etag.data() + etag.size() || number == 0) return std::nullopt;
  return std::string(etag);
}

Result<Condition> condition_of(const http::Request& request) {
  Condition condition;
  const auto match = request.header(Header::if_match);
  const auto none_match = request.header(Header::if_none_match);
  if (match && none_match) return fail(Code::err, "If-Match and If-None-Match: one of them");
  if (none_match) {
    if (*none_match != "*") return fail(Code::err, "If-None-Match: only * with a change");
    condition.version = "0";
  } else if (match && *match == "*") {
    condition.present = true;
  } else if (match) {
    auto version = version_of(*match);
    if (!version) return fail(Code::err, "If-Match takes one ETag as it was told, or *");
    condition.version = std::move(*version);
  }
  return condition;
}

/// The words that make one change depend on its condition, and tell the version that it makes.
Refused change(Asking& asking, std::vector<std::string> words, bool tells_version) {
  const std::string& key = asking.names[0];
  auto condition = condition_of(asking.request);
  if (!condition) return problem(condition.error());
  if (!asking.backend.has_versions(key)) {
    if (!condition->version.empty() || condition->present) {
      return problem(Error{Code::unsupported,
                           "If-Match and If-None-Match need a strong keyspace: another replica may "
                           "change the value unseen"});
    }
    send(asking, words);
    return {};
  }
  if (!condition->version.empty()) asking.out.command({"EXPECT", key, condition->version});
  if (condition->present && words[0] == "SET") words.insert(words.begin() + 3, "XX");
  asking.out.command({"MULTI"});
  asking.out.begin();
  for (const std::string& word : words) asking.out.add(word);
  asking.out.end();
  if (tells_version) asking.out.command({"VERSION", key});
  send(asking, {"EXEC"});
  return {};
}

Refused get_value(Asking& asking) {
  const std::string& key = asking.names[0];
  if (const auto none_match = asking.request.header(Header::if_none_match))
    asking.note = *none_match;
  const bool relaxed = asking.request.header(Header::holdfast_local) ||
                       asking.request.header(Header::holdfast_fresh_within);
  if (relaxed || !asking.backend.has_versions(key)) {
    send(asking, {"GET", key});
    return {};
  }
  // One read of both.
  asking.out.command({"MULTI"});
  asking.out.command({"GET", key});
  asking.out.command({"VERSION", key});
  send(asking, {"EXEC"});
  return {};
}

Refused put_value(Asking& asking) {
  std::vector<std::string> words{"SET", asking.names[0], std::string(asking.request.body)};
  for (const std::string_view option : {"EX", "PX"}) {
    const auto value = query_of(asking, option);
    if (!value) continue;
    words.emplace_back(option);
    words.push_back(*value);
  }
  return change(asking, std::move(words), true);
}

Refused delete_value(Asking& asking) {
  return change(asking, {"DEL", asking.names[0]}, false);
}

HttpAnswer changed_meanwhile() {
  return problem(412, "the value is not as If-Match or If-None-Match says");
}

std::string etag_of(std::string_view version) {
  return "ETag: \"" + std::string(version) + "\"\r\n";
}

HttpAnswer tell_value(const Told& told) {
  return with(told, [&](std::string_view reply) {
    ReplyTokens in(reply);
    ReplyToken value = in.next();
    HttpAnswer answer{200, std::string(bytes_type), {}, {}};
    if (value.kind == '*') {
      value = in.next();
      if (value.kind == '-') return refusal_of(value.bytes);
      answer.headers = etag_of(in.next().text);
    }
    if (value.null) return problem(404, "there is no such value");
    const std::string told_etag = "ETag: " + std::string(told.note) + "\r\n";
    const bool known = !answer.headers.empty() && !told.note.empty() &&
                       (told.note == "*" || answer.headers == told_etag);
    if (known) return HttpAnswer{304, {}, {}, answer.headers};
    answer.body = value.text;
    return answer;
  });
}

HttpAnswer tell_put(const Told& told) {
  return with(told, [](std::string_view reply) {
    ReplyTokens in(reply);
    ReplyToken set = in.next();
    if (set.null) return changed_meanwhile();
    HttpAnswer answer{204, {}, {}, {}};
    if (set.kind == '*') {
      set = in.next();
      if (set.kind == '-') return refusal_of(set.bytes);
      if (set.null) return changed_meanwhile();
      answer.headers = etag_of(in.next().text);
    }
    return answer;
  });
}

HttpAnswer tell_deleted(const Told& told) {
  return with(told, [](std::string_view reply) {
    ReplyTokens in(reply);
    ReplyToken count = in.next();
    if (count.null) return changed_meanwhile();
    if (count.kind == '*') count = in.next();
    if (count.kind == '-') return refusal_of(count.bytes);
    if (count.text == "0") return problem(404, "there is no such value");
    return HttpAnswer{204, {}, {}, {}};
  });
}

Refused explain(Asking& asking) {
  std::vector<std::string> words{"EXPLAIN", asking.names[0]};
  if (const auto id = query_of(asking, "id")) words.insert(words.end(), {"ID", *id});
  send(asking, words);
  return {};
}

constexpr std::string_view explained_schema = R"({"type": "object",
  "required": ["key", "guarantee", "type", "value", "size", "digest"],
  "properties": {"key": {"type": "string"}, "guarantee": {"enum": ["strong", "eventual"]},
    "type": {"enum": ["string", "hash", "set", "none"]}, "value": {"type": ["string", "null"]},
    "size": {"type": "integer"}, "expires-at-ms": {"type": ["integer", "null"]},
    "digest": {"type": "string"}, "hidden-types": {"type": "array"},
    "origins": {"type": "array", "items": {"type": "object",
      "required": ["origin", "position", "effects", "effects-left-out"],
      "properties": {"origin": {"type": "string"}, "incarnation": {"type": "string"},
        "position": {"type": ["integer", "string"]}, "clock": {"type": ["string", "null"]},
        "sum": {"type": ["integer", "string", "null"]},
        "effects": {"type": "array", "items": {"type": "object",
          "required": ["what", "id", "covered", "counts"]}},
        "effects-left-out": {"type": "integer"}}}},
    "stable": {"type": "object", "required": ["left-out", "note"]},
    "ids": {"type": "array", "items": {"type": "object",
      "required": ["id", "merged-from", "counted-from", "suppressed"]}},
    "ids-left-out": {"type": "integer"},
    "replicas": {"type": "array", "items": {"type": "object", "required": ["node", "answered"]}},
    "version": {"type": ["integer", "string"]}, "position": {"type": ["integer", "string"]},
    "note": {"type": "string"}}})";

constexpr Route rows[] = {
    {.method = "GET",
     .path = "/v1/values/{key}",
     .ask = get_value,
     .tell = tell_value,
     .summary = "A string's bytes, with its version as ETag in a strong keyspace",
     .told = "{}",
     .told_type = bytes_type},
    {.method = "PUT",
     .path = "/v1/values/{key}",
     .ask = put_value,
     .tell = tell_put,
     .changes = true,
     .conditional = true,
     .summary = "Set a string to the body",
     .query = "EX,PX",
     .body = "{}",
     .body_type = bytes_type,
     .status = 204},
    {.method = "DELETE",
     .path = "/v1/values/{key}",
     .ask = delete_value,
     .tell = tell_deleted,
     .changes = true,
     .conditional = true,
     .summary = "Remove a key, whatever it holds",
     .status = 204},
    {.method = "GET",
     .path = "/v1/explain/{key}",
     .ask = explain,
     .tell = tell_reply,
     .summary = "Why a key has its value, and what each node says of it",
     .query = "id",
     .told = explained_schema},
};

}  // namespace

std::span<const Route> value_routes() {
  return rows;
}

}  // namespace holdfast::server
