// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace holdfast::cli {

/// What a client that only counts needs to know of a reply (RESP2 or RESP3).
struct ScannedReply {
  std::size_t bytes = 0;   // of it, its attribute included
  std::string_view error;  // its text, or that of the first error in it; else empty
  bool replayed = false;   // marked `idempotency-replayed` (3-contract, section 3.8)
  bool pushed = false;     // a message that answers no request
};

/// The first reply in the bytes; nothing while it is incomplete. An error: the
/// bytes are no reply.
Result<std::optional<ScannedReply>> scan_reply(std::string_view bytes);

/// The first word of an error's text.
std::string_view code_of(std::string_view error);

}  // namespace holdfast::cli
