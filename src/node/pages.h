// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "server/http_server.h"

namespace holdfast::node {

class Node;

/// The pages of the HTTP port: /healthz (the process answers), /readyz (it
/// would take writes; 503 says why not), /metrics (Prometheus' text format).
server::HttpAnswer answer_page(Node& node, std::string_view path);

}  // namespace holdfast::node
