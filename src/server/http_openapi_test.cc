// SPDX-License-Identifier: Apache-2.0
#include "server/http_openapi.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "server/browser.h"
#include "server/http_route.h"

namespace holdfast::server {
namespace {

nlohmann::json document() {
  return nlohmann::json::parse(openapi_document());
}

TEST(OpenApi, TellsOfEveryRouteAndNoOther) {
  std::set<std::string> told;
  const auto paths = document()["paths"];
  for (const auto& [path, methods] : paths.items()) {
    for (const auto& [method, operation] : methods.items())
      told.insert(fmt::format("{} {}", method, path));
  }
  std::set<std::string> served;
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    EXPECT_TRUE(served.insert(method + " " + std::string(route.path)).second) << route.path;
    EXPECT_FALSE(route.summary.empty()) << route.path;
    EXPECT_EQ(route.ask == nullptr, route.answering == Answering::page ||
                                        route.answering == Answering::file ||
                                        route.answering == Answering::stream)
        << route.path;
    EXPECT_EQ(route.tell != nullptr, route.answering == Answering::resource) << route.path;
    EXPECT_FALSE(route.takes_json && route.body.empty()) << route.path;
  }
  EXPECT_EQ(told, served);
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  const auto all = document();
  const std::function<void(const nlohmann::json&)> walk = [&](const nlohmann::json& at) {
    for (const auto& [name, value] : at.items()) {
      if (name == "$ref") {
        const nlohmann::json::json_pointer to(value.get<std::string>().substr(1));
        EXPECT_TRUE(all.contains(to)) << value;
      }
      if (value.is_structured()) walk(value);
    }
  };
  walk(all);
}

// Each route is reached by the path that it is told under, with any names in it.
TEST(OpenApi, EveryPathLeadsToItsRoute) {
  for (const Route& route : routes()) {
    std::string path(route.path);
    for (std::size_t at = 0; (at = path.find('{')) != std::string::npos;)
      path.replace(at, path.find('}') + 1 - at, "a%2Fb");
    http::Request request;
    request.method = route.method;
    request.path = path;
    const Routed routed = find_route(fake::commands(), request);
    EXPECT_EQ(routed.route, &route) << route.method << " " << route.path;
    for (const std::string& name : routed.names) EXPECT_EQ(name, "a/b");
    request.method = "TRACE";
    const Routed other = find_route(fake::commands(), request);
    ASSERT_TRUE(other.refused.has_value()) << path;
    EXPECT_EQ(other.refused->status, 405) << path;
    EXPECT_NE(other.refused->headers.find(route.method), std::string::npos) << path;
  }
}

TEST(OpenApi, IsServed) {
  fake::Browser browser;
  const fake::Heard heard = browser.get("/openapi.json");
  EXPECT_EQ(heard.status, 200);
  EXPECT_EQ(heard.body, openapi_document());
}

}  // namespace
}  // namespace holdfast::server
