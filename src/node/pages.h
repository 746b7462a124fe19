// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "server/http_conversation.h"

namespace holdfast::node {

class Node;

/// The console, compiled in (cmake/EmbedFiles.cmake).
extern const std::span<const server::StaticFile> console_files;

/// The pages of the HTTP port: /healthz (the process answers), /readyz (it
/// would take writes; 503 says why not), /metrics (Prometheus' text format; where services sign
/// in, from beyond loopback for who administers).
server::HttpAnswer answer_page(Node& node, const server::PageRequest& page);

}  // namespace holdfast::node
