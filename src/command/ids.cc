// SPDX-License-Identifier: Apache-2.0
#include "base/request_id.h"
#include "command/parse.h"
#include "command/table.h"
#include "dedup/id_table.h"

namespace holdfast {
namespace {

// Both reply the recorded reply inside an array of one, so that a recorded
// null cannot be taken for "nothing yet", nor a recorded refusal for one of
// this question.
void reply_recorded(const Outcome& outcome, Reply& reply) {
  reply.array(1);
  reply.buffer().append(outcome.reply);
}

bool check_id(std::string_view id, Reply& reply) {
  if (is_request_id(id)) return true;
  reply.raw_error(
      "ERR invalid request id: it must be 1 to 64 printable ASCII characters without spaces");
  return false;
}

void outcome(IdContext& ctx, Args args, Reply& reply) {
  if (!check_id(args[1], reply)) return;
  const auto found = ctx.ids.find(make_id_key(ctx.caller, args[1]), ctx.now);
  if (!found) return reply.null();
  if (found->voided) {
    return reply.error({Code::voided, "this request id was voided: its operation never runs"});
  }
  reply_recorded(*found, reply);
}

// Safe to repeat: a second VOID of an id without outcome is OK again.
void void_id(IdContext& ctx, Args args, Reply& reply) {
  if (!check_id(args[1], reply)) return;
  const IdKey key = make_id_key(ctx.caller, args[1]);
  const auto found = ctx.ids.find(key, ctx.now);
  if (found && !found->voided) return reply_recorded(*found, reply);
  if (!found) ctx.ids.record(key, 0, ctx.now, {}, true);
  reply.ok();
}

constexpr Row rows[] = {
    {.name = "OUTCOME",
     .code = 900,
     .arity = 3,
     .access = Access::ids,
     .flags = flag_fast,
     .ids = outcome,
     .group = "request-ids",
     .since = "0.1",
     .syntax = "request-id keyspace",
     .summary = "What became of a request id: its reply in an array of one, or null when there is "
                "nothing yet",
     .complexity = "O(1)",
     .on_eventual = "what this replica has heard of"},
    {.name = "VOID",
     .code = 901,
     .arity = 3,
     .access = Access::ids,
     .flags = flag_fast | flag_write_ids,
     .ids = void_id,
     .group = "request-ids",
     .since = "0.1",
     .syntax = "request-id keyspace",
     .summary = "Settle a request id: answer its outcome if it has one, else make sure that its "
                "operation never runs",
     .complexity = "O(1)",
     .on_eventual = "needs a strong keyspace: without agreement nothing can be settled"},
};

}  // namespace

std::span<const Row> id_rows() {
  return rows;
}

}  // namespace holdfast
