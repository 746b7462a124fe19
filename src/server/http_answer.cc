// SPDX-License-Identifier: Apache-2.0
#include "server/http_answer.h"

#include <boost/beast/http/status.hpp>
#include <nlohmann/json.hpp>

namespace holdfast::server {
namespace {

constexpr std::size_t shown_bytes_max = 200;

}  // namespace

HttpAnswer problem(int status, std::string_view detail) {
  using Json = nlohmann::ordered_json;
  const auto title =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  const Json body{{"type", "about:blank"},
                  {"title", std::string_view(title.data(), title.size())},
                  {"status", status},
                  {"detail", detail}};
  // A path may hold bytes that are no UTF-8.
  return {status, "application/problem+json",
          body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

HttpAnswer not_found(std::string_view path) {
  return problem(404, "there is nothing at " + std::string(path.substr(0, shown_bytes_max)));
}

}  // namespace holdfast::server
