// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "server/http_answer.h"
#include "server/http_request.h"

namespace holdfast::server {

/// A file that is compiled into the program. "NAME.gz" is NAME, packed: it is sent in its place to
/// whoever takes that, and has no address of its own.
struct StaticFile {
  std::string_view name;  // relative to the folder: "index.html", "console/app-1f3a.js"
  std::string_view bytes;
};

/// The file at the request's path: "index.html" at "/", any other under its name. The name of any
/// other must change with its bytes, since caches may keep it for ever. 404: there is none.
HttpAnswer answer_file(std::span<const StaticFile> files, const http::Request& request);

}  // namespace holdfast::server
