// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "verify/history.h"

/// RESP2 as a client of one request at a time needs it: the simulator's and
/// `holdfast verify`'s.
namespace holdfast::verify {

inline constexpr int resp_depth_max = 8;

/// What a client sends for an operation: the last reply is its own. `id` may be empty.
std::vector<Command> requests_of(const std::vector<Command>& commands, bool multi,
                                 const std::string& id);

/// Appends the command as a request.
void encode_request(const Command& command, std::string& out);

/// Takes the first reply off the bytes; nothing while it is incomplete. An
/// error: they are no reply.
Result<std::optional<Answer>> take_reply(std::string& bytes);

}  // namespace holdfast::verify
