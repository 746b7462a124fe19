// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace holdfast {

/// Whether the text may serve as a request id: 1 to 64 printable ASCII
/// characters, no space.
bool is_request_id(std::string_view text);

/// The time a UUIDv7 (RFC 9562, canonical 36-character form) carries; nothing
/// for any other text.
std::optional<Instant> time_of_uuid7(std::string_view text);

/// Why an id that carries its time may not run at `now`: it is from before
/// `oldest`, so that a first try may have been forgotten, or over an hour ahead.
/// Nothing for any other id. (3-contract section 3.6)
std::optional<Error> refuse_by_time(std::string_view request_id, Instant now, Instant oldest);

/// A UUIDv7 from a time and 74 random bits.
std::string make_uuid7(Instant now, std::uint64_t random_high, std::uint64_t random_low);

}  // namespace holdfast
