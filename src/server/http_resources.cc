// SPDX-License-Identifier: Apache-2.0
#include "server/http_resources.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::server {

void send(Asking& asking, std::span<const std::string> words) {
  asking.out.begin();
  for (const std::string& word : asking.wrapping) asking.out.add(word);
  for (const std::string& word : words) asking.out.add(word);
  asking.out.end();
}

Result<workflow::Json> body_object(const Asking& asking,
                                   std::initializer_list<std::string_view> known) {
  auto json = workflow::parse_json(asking.request.body);
  if (!json) return fail(Code::err, "the body: " + json.error().message);
  if (!json->is_object()) return fail(Code::err, "the body is no JSON object");
  for (const auto& [name, value] : json->items()) {
    if (std::ranges::find(known, name) == known.end())
      return fail(Code::err, fmt::format("the body says \"{}\", which is not known here", name));
  }
  return json;
}

std::string argument_of(const workflow::Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return workflow::write_json(value);
}

std::optional<std::string> query_of(const Asking& asking, std::string_view name) {
  std::string_view query = asking.request.query;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) != name) continue;
    return http::percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true).value_or("");
  }
  return std::nullopt;
}

// RESP has one code for what is not there, or is already, as for any other mistake; HTTP has
// statuses that programs look for.
HttpAnswer refusal_of(std::string_view reply) {
  const std::string_view line = reply.substr(0, reply.find('\r'));
  const auto says = [&](std::string_view begin) { return line.starts_with(begin); };
  const bool missing = says("-ERR no keyspace ") || says("-ERR no such ") ||
                       says("-ERR no service ") || says("-ERR no member ");
  const bool taken = (says("-ERR keyspace ") || says("-ERR service ")) && line.ends_with(" exists");
  HttpAnswer answer = problem_of_reply(reply);
  if (missing) answer = problem(404, Error{Code::err, std::string(line.substr(5))});
  if (taken) answer = problem(409, Error{Code::err, std::string(line.substr(5))});
  return answer;
}

HttpAnswer json_answer(std::string body, int status) {
  body.push_back('\n');
  return {status, std::string(json_type), std::move(body), {}};
}

HttpAnswer tell_reply(const Told& told) {
  return with(told, [](std::string_view reply) {
    std::string body;
    append_json(body, reply, {}, {.resp2 = false, .embedded = true});
    return json_answer(std::move(body));
  });
}

HttpAnswer tell_done(const Told& told) {
  return with(told, [](std::string_view) { return HttpAnswer{204, {}, {}, {}}; });
}

}  // namespace holdfast::server
