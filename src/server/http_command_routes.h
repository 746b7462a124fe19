// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "server/http_route.h"

namespace holdfast::server {

/// Commands as JSON, in Upstash's convention: https://upstash.com/docs/redis/features/restapi
std::span<const Route> command_routes();

/// A command as a path, "/set/likes:42/1?EX=60"; behind the path's arguments comes the body, then
/// the query. GET and POST.
const Route& path_command();
/// Whether the path begins with a command's name.
bool is_path_command(const CommandTable& commands, std::string_view path);

}  // namespace holdfast::server
