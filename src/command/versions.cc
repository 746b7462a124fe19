// SPDX-License-Identifier: Apache-2.0
#include "command/families.h"
#include "command/table.h"

namespace holdfast {
namespace {

void version(Table& table, Instant now, Args args, Reply& reply) {
  reply.integer(static_cast<std::int64_t>(table.read(args[1], now).version));
}

constexpr Row rows[] = {
    {.name = "VERSION",
     .code = 450,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast | flag_noscript | flag_strong_only,
     .read = version,
     .group = "consistency",
     .since = "0.1",
     .syntax = "key",
     .summary =
         "A number of the key's last change, greater with each, the same on every node; 0: it "
         "is not there. For EXPECT",
     .complexity = "O(1)",
     .on_eventual = "needs a strong keyspace: elsewhere there is no one order of changes"},
};

}  // namespace

std::span<const Row> version_rows() {
  return rows;
}

}  // namespace holdfast
