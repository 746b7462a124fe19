// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "verify/history.h"

namespace holdfast::verify {

/// What one command and its reply say of one key, before keys and values are
/// numbered. Texts are as in the history.
struct Fact {
  enum class Needs : std::uint8_t { nothing, value, number, absent, present, never };
  enum class Does : std::uint8_t { nothing, put, erase, add, put_if_absent, put_if_present };
  std::string_view key;
  Needs needs = Needs::nothing;
  Does does = Does::nothing;
  std::string needed;       // of value
  std::int64_t number = 0;  // of number: absent where it is 0
  std::string made;         // of put
  std::int64_t delta = 0;   // of add, which has no reply: else it would be a put
};

/// Appends the facts of one command; `answer` is nothing where the outcome is
/// unknown. An error: a command that is not known here, or a reply that it
/// never gives. Keys are views of `command`.
Status facts_of(const Command& command, const Answer* answer, std::vector<Fact>& facts);

/// What Redis reads as an integer: the one way to write it.
std::optional<std::int64_t> integer_of(std::string_view text);

/// What a counter's key holds by this answer: nil is 0. Nothing where it is no integer.
std::optional<std::int64_t> counted(const Answer& value);

/// Whether it counts up or down by an amount; then what it adds.
std::optional<std::int64_t> increment_of(const Command& command);

/// Whether it is one of the reads.
bool is_read(const Command& command);

}  // namespace holdfast::verify
