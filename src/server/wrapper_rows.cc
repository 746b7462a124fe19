// SPDX-License-Identifier: Apache-2.0
#include "server/session_rows.h"

namespace holdfast::server {
namespace {

// What they mean is in wrappers.cc.
constexpr Row rows[] = {
    {.name = "ONCE",
     .arity = -3,
     .access = Access::wrapper,
     .flags = flag_fast,
     .group = "holdfast",
     .since = "0.1",
     .syntax = "request-id command [argument ...]",
     .summary = "Run the command with a request id: its effect happens once, a retry gets the "
                "first reply; before EXEC it covers the whole transaction; a read passes through",
     .complexity = "the command's"},
    {.name = "LOCAL",
     .arity = -2,
     .access = Access::wrapper,
     .flags = flag_fast,
     .group = "holdfast",
     .since = "0.1",
     .syntax = "command [argument ...]",
     .summary = "Answer a read from this node's state without asking the engine; may be stale",
     .complexity = "the command's"},
    {.name = "FRESH",
     .arity = -3,
     .access = Access::wrapper,
     .flags = flag_fast,
     .group = "holdfast",
     .since = "0.1",
     .syntax = "milliseconds command [argument ...]",
     .summary = "Answer a read of an eventual keyspace only if this replica is known to be at most "
                "that far behind every other; else STALE",
     .complexity = "the command's"},
    {.name = "AFTER",
     .arity = -3,
     .access = Access::wrapper,
     .flags = flag_fast,
     .group = "holdfast",
     .since = "0.1",
     .syntax = "token command [argument ...]",
     .summary = "Run the command on a node that has seen what the token of TOKEN stands for",
     .complexity = "the command's"},
};

}  // namespace

std::span<const Row> wrapper_rows() {
  return rows;
}

}  // namespace holdfast::server
