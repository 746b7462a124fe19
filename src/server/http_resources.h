// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "server/http_route.h"
#include "server/json_reply.h"
#include "workflow/json.h"

namespace holdfast::server {

/// What the routes of resources share. Each is a thin layer over a command: what it takes and
/// answers has the names that the command has.

std::span<const Route> catalog_routes();  // keyspaces, services, nodes, request ids
std::span<const Route> function_routes();
std::span<const Route> value_routes();
std::span<const Route> workflow_routes();
std::span<const Route> watch_routes();  // what goes on

/// The command with what the request's headers put before it.
void send(Asking& asking, std::span<const std::string> words);
inline void send(Asking& asking, std::initializer_list<std::string_view> words) {
  send(asking, std::vector<std::string>(words.begin(), words.end()));
}

/// The body as a JSON object. kErr: it is none, or says something beside `known`.
Result<workflow::Json> body_object(const Asking& asking,
                                   std::initializer_list<std::string_view> known);
/// A command's argument: a string as it is, yes and no for booleans, anything else as its JSON.
std::string argument_of(const workflow::Json& value);
/// A parameter behind the ?; nothing: it does not stand there.
std::optional<std::string> query_of(const Asking& asking, std::string_view name);

/// An answer of the last reply: where one is an error a problem, 404 where it says that there is
/// none such, 409 where there is one already; else what `tell` makes of it.
template <typename Tell>
HttpAnswer with(const Told& told, Tell tell);
HttpAnswer refusal_of(std::string_view canonical_error);

HttpAnswer json_answer(std::string body, int status = 200);
/// The reply as JSON; those fields of objects that hold JSON as a text are that JSON.
HttpAnswer tell_reply(const Told& told);
/// 204 for OK.
HttpAnswer tell_done(const Told& told);

template <typename Tell>
HttpAnswer with(const Told& told, Tell tell) {
  for (const std::string& reply : told.replies) {
    if (reply.starts_with('-')) return refusal_of(reply);
  }
  return tell(std::string_view(told.replies.back()));
}

}  // namespace holdfast::server
