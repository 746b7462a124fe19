// SPDX-License-Identifier: Apache-2.0
#include "catalog/member_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "catalog/keyspace_rows.h"
#include "catalog/permissions.h"

namespace holdfast {
namespace {

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void finish(CatalogContext& context, const Status& changed, Reply& reply) {
  if (!changed) return reply.error(changed.error());
  context.host.on_members_changed();
  reply.ok();
}

void field(Reply& reply, std::string_view name, std::string_view value) {
  reply.bulk(name);
  reply.bulk(value);
}

void field(Reply& reply, std::string_view name, std::uint64_t value) {
  reply.bulk(name);
  reply.integer(static_cast<std::int64_t>(value));
}

constexpr std::size_t member_fields = 8;

void member_to(const Member& member, Reply& reply) {
  field(reply, "id", member.id);
  field(reply, "state", member.behind ? "behind" : "member");
  field(reply, "resp", member.resp);
  field(reply, "http", member.http);
  field(reply, "mesh", member.mesh);
  field(reply, "durable-position", member.durable.value);
  field(reply, "joined-ms", static_cast<std::uint64_t>(to_ms(member.joined)));
  field(reply, "heard-ms", static_cast<std::uint64_t>(to_ms(member.heard)));
}

void list(CatalogContext& context, Args, Reply& reply) {
  reply.array(context.members.all().size());
  for (const auto& [id, member] : context.members.all()) {
    reply.map(member_fields);
    member_to(member, reply);
  }
}

void info(CatalogContext& context, Args args, Reply& reply) {
  const NodeFacts here = context.host.node_facts();
  const std::string_view id = args.size() > 2 ? args[2] : std::string_view(here.id);
  const Member* member = context.members.find(id);
  const bool self = id == here.id;
  if (args.size() > 3 || (member == nullptr && !self)) {
    return reply.error({Code::err, fmt::format("no member '{}'", id)});
  }
  Member alone;  // an embedded engine has no members
  alone.id = here.id;
  reply.map(member_fields + 1 + (self ? 3 : 0));
  member_to(member != nullptr ? *member : alone, reply);
  field(reply, "trimmable-position", context.members.trimmable().value);
  if (!self) return;
  field(reply, "engine", here.engine);
  field(reply, "applied-position", here.applied.value);
  field(reply, "here", here.state);
}

void remove(CatalogContext& context, Args args, Reply& reply) {
  if (Status s = permissions::check_administers(context.services, context.caller, "NODE REMOVE");
      !s)
    return reply.error(s.error());
  finish(context, context.members.remove(args[2]), reply);
}

// NODE JOIN id resp http mesh durable durable-log-bytes folder
void join(CatalogContext& context, Args args, Reply& reply) {
  const auto durable = number_of(args[6]);
  const auto log_bytes = number_of(args[7]);
  const auto folder = number_of(args[8]);
  if (!durable || !log_bytes || !folder) return reply.error({Code::err, "not a number"});
  const bool eventual = std::ranges::any_of(context.catalog.all(), [](const Keyspace* keyspace) {
    return keyspace->guarantee == Guarantee::eventual;
  });
  finish(context,
         context.members.join({.id = std::string(args[2]),
                               .resp = std::string(args[3]),
                               .http = std::string(args[4]),
                               .mesh = std::string(args[5]),
                               .durable = {*durable},
                               .durable_log_bytes = *log_bytes,
                               .folder = *folder},
                              context.now, eventual),
         reply);
}

// NODE REPORT id durable durable-log-bytes milestone digest
void report(CatalogContext& context, Args args, Reply& reply) {
  const auto durable = number_of(args[3]);
  const auto log_bytes = number_of(args[4]);
  const auto milestone = number_of(args[5]);
  const auto digest = number_of(args[6]);
  if (!durable || !log_bytes || !milestone || !digest)
    return reply.error({Code::err, "not a number"});
  finish(context,
         context.members.report(args[2],
                                {.durable = {*durable},
                                 .durable_log_bytes = *log_bytes,
                                 .milestone = {*milestone},
                                 .digest = *digest},
                                context.now),
         reply);
}

// By CacheChange.
constexpr std::string_view cache_changes[] = {"BEGIN", "END", "OUT", "GONE"};

// NODE CACHES id BEGIN|END|OUT|GONE number
void caches(CatalogContext& context, Args args, Reply& reply) {
  const auto change = std::ranges::find(cache_changes, args[3]);
  const auto number = number_of(args[4]);
  if (change == std::end(cache_changes) || !number)
    return reply.error({Code::err, "no such change of a node's caches"});
  CacheKeepers& keepers = context.members.caches();
  switch (static_cast<CacheChange>(change - std::begin(cache_changes))) {
    case CacheChange::begin:
      if (context.members.find(args[2]) == nullptr)
        return reply.error({Code::err, fmt::format("no member '{}'", args[2])});
      keepers.begin(args[2]);
      break;
    case CacheChange::end:
      keepers.end(args[2], *number);
      break;
    case CacheChange::put_out:
      keepers.put_out(args[2], *number);
      break;
    case CacheChange::forget:
      keepers.forget(args[2], *number);
      break;
  }
  finish(context, {}, reply);
}

void help(CatalogContext&, Args, Reply& reply) {
  static constexpr std::string_view lines[] = {
      "NODE <subcommand> [<arg> ...]. Subcommands are:",
      "LIST",
      "    The cluster's members, and how far each has made the log durable.",
      "INFO [<id>]",
      "    One member; without an id the node that answers.",
      "REMOVE <id>",
      "    Forget a member that will not come back: the log no longer waits for it.",
      "HELP",
      "    Print this help.",
  };
  reply.array(std::size(lines));
  for (const std::string_view line : lines) reply.simple(line);
}

constexpr std::uint32_t changing = flag_admin | flag_write_catalog | flag_no_multi | flag_noscript;
constexpr std::uint32_t showing = flag_no_multi | flag_noscript;

constexpr Row rows[] = {
    {.name = "NODE LIST",
     .arity = 2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = list,
     .group = "cluster",
     .since = "0.1",
     .summary = "The cluster's members, and how far each has made the log durable",
     .complexity = "O(N) in the members"},
    {.name = "NODE INFO",
     .arity = -2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = info,
     .group = "cluster",
     .since = "0.1",
     .syntax = "[id]",
     .summary = "One member of the cluster; without an id the node that answers",
     .complexity = "O(1)"},
    {.name = "NODE REMOVE",
     .code = 920,
     .arity = 3,
     .access = Access::catalog,
     .flags = changing,
     .catalog = remove,
     .group = "cluster",
     .since = "0.1",
     .syntax = "id",
     .summary = "Forgets a member that will not come back: the log no longer waits for it",
     .complexity = "O(1)"},
    {.name = "NODE HELP",
     .arity = 2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = help,
     .group = "cluster",
     .since = "0.1",
     .summary = "The subcommands of NODE",
     .complexity = "O(1)"},
    {.name = "NODE JOIN",
     .code = 921,
     .arity = 9,
     .access = Access::catalog,
     .flags = changing | flag_internal,
     .catalog = join,
     .group = "cluster",
     .since = "0.1",
     .syntax = "id resp http mesh durable-position durable-log-bytes folder",
     .summary = "A node says that it follows the log, and where it is",
     .complexity = "O(1)"},
    {.name = "NODE REPORT",
     .code = 922,
     .arity = 7,
     .access = Access::catalog,
     .flags = changing | flag_internal,
     .catalog = report,
     .group = "cluster",
     .since = "0.1",
     .syntax = "id durable-position durable-log-bytes milestone digest",
     .summary = "A member says what it has made durable, and its state's digest",
     .complexity = "O(N) in the members"},
    {.name = "NODE CACHES",
     .code = 923,
     .arity = 5,
     .access = Access::catalog,
     .flags = changing | flag_internal,
     .catalog = caches,
     .group = "cluster",
     .since = "0.1",
     .syntax = "id <BEGIN | END | OUT | GONE> number",
     .summary = "Whether clients of a member may keep caches, so that who writes waits for them",
     .complexity = "O(log N) in the members"},
};

const Row& row_of(CatalogFunction function) {
  for (const Row& row : rows) {
    if (row.catalog == function) return row;
  }
  HF_ASSERT(false);
  return rows[0];
}

std::string text(std::uint64_t number) {
  return fmt::format_int(number).str();
}

}  // namespace

std::span<const Row> member_rows() {
  return rows;
}

CatalogOperation join_operation(const Member& member) {
  return {
      .row = &row_of(join),
      .texts = {"NODE", "JOIN", member.id, member.resp, member.http, member.mesh,
                text(member.durable.value), text(member.durable_log_bytes), text(member.folder)}};
}

CatalogOperation report_operation(std::string_view id, const Members::Report& said) {
  return {.row = &row_of(report),
          .texts = {"NODE", "REPORT", std::string(id), text(said.durable.value),
                    text(said.durable_log_bytes), text(said.milestone.value), text(said.digest)}};
}

CatalogOperation caches_operation(std::string_view id, CacheChange change, std::uint64_t number) {
  return {.row = &row_of(caches),
          .texts = {"NODE", "CACHES", std::string(id),
                    std::string(cache_changes[static_cast<std::size_t>(change)]), text(number)}};
}

}  // namespace holdfast
