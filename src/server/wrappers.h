// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/error.h"
#include "command/table.h"
#include "server/backend.h"

namespace holdfast::server {

/// The row of these arguments (at least one), their count checked; errors in
/// Redis' words.
Result<const Row*> look_up(const CommandTable& commands, Args args);

/// What ONCE, LOCAL, FRESH and AFTER say about the command they carry.
struct Wrapping {
  std::string_view request_id;
  ReadMode read_mode = ReadMode::normal;
  Millis fresh_within{0};
  std::string_view after_token;
};

/// A command without the wrappers before it. Views point where the arguments did.
struct Unwrapped {
  const Row* row = nullptr;
  Args args;
  Wrapping wrapping;
};

/// Takes the wrappers off, in whatever order they stand; each may stand once.
/// `first`: the row of `args` as they are.
Result<Unwrapped> unwrap(const CommandTable& commands, const Row& first, Args args);

/// How many words a wrapper's row takes: its own name and what it takes with it.
std::size_t words_of_wrapper(const Row& row);

/// Whether the command changes nothing that others see.
bool only_reads(const Row& row);

/// Whether the wrappers suit the command; a read is stripped of its request id,
/// since it needs none.
Status check_wrapping(Unwrapped& command);

}  // namespace holdfast::server
