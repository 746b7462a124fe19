// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace holdfast::server {

/// The table of routes as OpenAPI 3.1 has it: https://spec.openapis.org/oas/v3.1.0
std::string openapi_document();

/// Likewise each function that a keyspace's owner has published, with its description. `listed`:
/// what GET /v1/functions answers, its JSON.
std::string openapi_of_functions(std::string_view listed);

}  // namespace holdfast::server
