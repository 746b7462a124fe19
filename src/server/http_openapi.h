// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace holdfast::server {

/// The table of routes as OpenAPI 3.1 has it: https://spec.openapis.org/oas/v3.1.0
std::string openapi_document();

}  // namespace holdfast::server
