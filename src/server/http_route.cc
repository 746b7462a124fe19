// SPDX-License-Identifier: Apache-2.0
#include "server/http_route.h"

#include <algorithm>

#include "server/http_command_routes.h"
#include "server/http_resources.h"

namespace holdfast::server {
namespace {

constexpr Route page_at(std::string_view path, std::string_view summary) {
  return {.method = "GET", .path = path, .answering = Answering::page, .summary = summary};
}

constexpr Route pages[] = {
    {.method = "GET",
     .path = "/",
     .answering = Answering::file,
     .summary = "The console, a page for browsers",
     .told = R"({"type": "string"})",
     .told_type = "text/html"},
    {.method = "GET",
     .path = "/console/{file}",
     .answering = Answering::file,
     .summary = "What the console's page loads"},
    page_at("/healthz", "Whether the process answers"),
    page_at("/readyz", "Whether it would take writes; 503 says why not"),
    page_at("/metrics", "Figures in Prometheus' text format"),
    page_at("/openapi.json", "This port's description, OpenAPI 3.1"),
};

/// Whether the path is of that form; then what stands in it for {…}.
bool matches(std::string_view form, std::string_view path, std::vector<std::string_view>& names) {
  names.clear();
  while (true) {
    const std::size_t brace = form.find('{');
    if (brace == std::string_view::npos) return form == path;
    if (path.substr(0, brace) != form.substr(0, brace)) return false;
    form.remove_prefix(form.find('}') + 1);
    path.remove_prefix(brace);
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end == 0) return false;
    names.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
}

HttpAnswer not_that_method(std::string_view allow) {
  HttpAnswer answer = problem(405, "this method is not offered here, but: " + std::string(allow));
  answer.headers += "Allow: ";
  answer.headers += allow;
  answer.headers += "\r\n";
  return answer;
}

Routed decoded(const Route& route, const std::vector<std::string_view>& names) {
  Routed routed{.route = &route, .names = {}, .refused = {}};
  for (const std::string_view name : names) {
    auto plain = http::percent_decoded(name);
    if (!plain) {
      return {.route = nullptr,
              .names = {},
              .refused = problem(400, "a % in the path is not followed by two hexadecimal digits")};
    }
    routed.names.push_back(std::move(*plain));
  }
  return routed;
}

}  // namespace

std::span<const Route> routes() {
  static const std::vector<Route> all = [] {
    std::vector<Route> joined;
    for (const auto family : {command_routes(), value_routes(), catalog_routes(), function_routes(),
                              workflow_routes(), watch_routes(), std::span<const Route>(pages)})
      joined.insert(joined.end(), family.begin(), family.end());
    return joined;
  }();
  return all;
}

Routed find_route(const CommandTable& commands, const http::Request& request) {
  const std::string_view method = request.method == "HEAD" ? "GET" : request.method;
  std::string allow;
  std::vector<std::string_view> names;
  for (const Route& route : routes()) {
    if (!matches(route.path, request.path, names)) continue;
    if (route.method == method) return decoded(route, names);
    if (!allow.empty()) allow += ", ";
    allow += route.method;
    if (route.method == "GET") allow += ", HEAD";
  }
  if (!allow.empty()) return {.route = nullptr, .names = {}, .refused = not_that_method(allow)};
  if (!is_path_command(commands, request.path))
    return {.route = nullptr, .names = {}, .refused = not_found(request.path)};
  if (request.method != "GET" && request.method != "POST")
    return {.route = nullptr, .names = {}, .refused = not_that_method("GET, POST")};
  return {.route = &path_command(), .names = {}, .refused = {}};
}

}  // namespace holdfast::server
