// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "table/table.h"
#include "value/value.h"

namespace holdfast::eventual {

/// What a replica says of a key, in short: to be shown beside what others say.
struct Saying {
  std::optional<Type> type;  // nothing: the key is not there
  std::uint64_t size = 0;    // bytes of a string; fields or members
  std::string value;         // for the eye: a part of it, where it is large
  std::optional<Instant> expiry;
  std::uint64_t digest = 0;  // equal where all of it is: Table::digest_of()
  bool operator==(const Saying&) const = default;
};

Saying say(Table& table, std::string_view key, Instant now);

/// The text, or as much of it as limits::explained_text_bytes_max are and no character cut, and
/// "…".
std::string in_short(std::string_view text);

}  // namespace holdfast::eventual
