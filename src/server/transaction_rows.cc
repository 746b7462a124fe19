// SPDX-License-Identifier: Apache-2.0
#include "command/parse.h"
#include "server/session.h"
#include "server/session_rows.h"

namespace holdfast::server {
namespace {

void multi(Session& session, Args, Reply& reply) {
  if (session.in_transaction()) return reply.error({Code::err, "MULTI calls can not be nested"});
  session.begin_transaction();
  reply.ok();
}

void discard(Session& session, Args, Reply& reply) {
  if (!session.in_transaction()) return reply.error({Code::err, "DISCARD without MULTI"});
  session.discard_transaction();
  reply.ok();
}

void unwatch(Session& session, Args, Reply& reply) {
  session.unwatch();
  reply.ok();
}

void expect(Session& session, Args args, Reply& reply) {
  if (session.in_transaction())
    return reply.error({Code::err, "EXPECT inside MULTI is not allowed"});
  if (args.size() % 2 == 0) return command::wrong_arity("expect", reply);
  for (std::size_t i = 1; i < args.size(); i += 2) {
    const auto version = command::integer_argument(args[i + 1], reply);
    if (!version) return;
    if (*version < 0) return reply.error({Code::err, "a version is no negative number"});
    if (Status s = session.expect(args[i], static_cast<std::uint64_t>(*version)); !s)
      return reply.error(s.error());
  }
  reply.ok();
}

// EXEC and WATCH are the session's own: they go to the backend, in their place
// among the connection's commands.
constexpr Row rows[] = {
    {.name = "MULTI",
     .arity = 1,
     .access = Access::session,
     .flags = flag_noscript | flag_loading | flag_fast | flag_immediate,
     .session = multi,
     .group = "transactions",
     .since = "0.1",
     .summary = "Begin a transaction: the commands up to EXEC are queued",
     .complexity = "O(1)"},
    {.name = "EXEC",
     .arity = 1,
     .access = Access::session,
     .flags = flag_noscript | flag_loading,
     .group = "transactions",
     .since = "0.1",
     .summary =
         "Run the queued commands as one, all of one keyspace; null if a watched key changed",
     .complexity = "that of the commands"},
    {.name = "DISCARD",
     .arity = 1,
     .access = Access::session,
     .flags = flag_noscript | flag_loading | flag_fast | flag_immediate,
     .session = discard,
     .group = "transactions",
     .since = "0.1",
     .summary = "Forget the queued commands and the watched keys",
     .complexity = "O(commands)"},
    {.name = "WATCH",
     .arity = -2,
     .keys = all_keys,
     .access = Access::session,
     .flags = flag_noscript | flag_loading | flag_fast,
     .group = "transactions",
     .since = "0.1",
     .syntax = "key [key ...]",
     .summary = "Let the next EXEC run only if none of these keys has changed",
     .complexity = "O(keys)",
     .on_eventual = "needs a strong keyspace: another replica may change the key unseen"},
    {.name = "EXPECT",
     .arity = -3,
     .keys = every_other_key,
     .access = Access::session,
     .flags = flag_noscript | flag_loading | flag_fast | flag_immediate,
     .session = expect,
     .group = "transactions",
     .since = "0.1",
     .syntax = "key version [key version ...]",
     .summary =
         "WATCH keys that were seen before, maybe by another connection: let the next EXEC run "
         "only if these are still their versions, as VERSION told",
     .complexity = "O(keys)",
     .on_eventual = "needs a strong keyspace: another replica may change the key unseen"},
    {.name = "UNWATCH",
     .arity = 1,
     .access = Access::session,
     .flags = flag_noscript | flag_loading | flag_fast | flag_immediate | flag_no_multi,
     .session = unwatch,
     .group = "transactions",
     .since = "0.1",
     .summary = "Forget the watched keys",
     .complexity = "O(keys)"},
};

}  // namespace

std::span<const Row> transaction_rows() {
  return rows;
}

}  // namespace holdfast::server
