// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace holdfast::server {

/// What a page of the HTTP port answers.
struct HttpAnswer {
  int status = 200;
  std::string content_type;
  std::string body;
};

/// RFC 9457's application/problem+json.
HttpAnswer problem(int status, std::string_view detail);

HttpAnswer not_found(std::string_view path);

}  // namespace holdfast::server
