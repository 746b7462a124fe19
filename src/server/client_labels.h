// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "server/session.h"

namespace holdfast::server {

/// CLIENT SETNAME and HELLO's SETNAME. An empty name takes the name away.
Status set_client_name(Session& session, std::string_view name);

/// CLIENT SETINFO: what is "lib-name" or "lib-ver".
Status set_client_library(Session& session, std::string_view what, std::string_view value);

/// The session's line of CLIENT LIST, without a line end.
std::string client_line(const Session& session, Instant now);

}  // namespace holdfast::server
