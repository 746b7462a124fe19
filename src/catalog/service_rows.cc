// SPDX-License-Identifier: Apache-2.0
#include "catalog/service_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "catalog/keyspace_rows.h"
#include "catalog/permissions.h"

namespace holdfast {
namespace {

constexpr std::string_view administers_word = "ADMIN";
constexpr std::string_view plain_word = "PLAIN";

bool may_change(CatalogContext& ctx, std::string_view what, Reply& reply) {
  const Status allowed = permissions::check_administers(ctx.services, ctx.caller, what);
  if (!allowed) reply.error(allowed.error());
  return allowed.has_value();
}

void finish(CatalogContext& ctx, const Status& changed, Reply& reply) {
  if (!changed) return reply.error(changed.error());
  ctx.host.on_services_changed();
  reply.ok();
}

// SERVICE ADD name hash ADMIN|PLAIN
void add(CatalogContext& ctx, Args args, Reply& reply) {
  const auto hash = token_hash_from(args[3]);
  if (!hash) return reply.error({Code::err, "not a token's hash"});
  if (!may_change(ctx, "SERVICE CREATE", reply)) return;
  const auto created = ctx.services.create(args[2], args[4] == administers_word, *hash, ctx.now);
  finish(ctx, created ? Status() : tl::unexpected(created.error()), reply);
}

// SERVICE RENEW name hash overlap-ms. A service may renew its own token.
void renew(CatalogContext& ctx, Args args, Reply& reply) {
  const auto hash = token_hash_from(args[3]);
  std::int64_t overlap = 0;
  const auto [end, wrong] =
      std::from_chars(args[4].data(), args[4].data() + args[4].size(), overlap);
  if (!hash || wrong != std::errc() || end != args[4].data() + args[4].size())
    return reply.error({Code::err, "not a token's hash and a time"});
  const Service* const itself = ctx.services.find(ctx.caller);
  const bool own = itself != nullptr && itself->name == args[2];
  if (!own && !may_change(ctx, "SERVICE ROTATE of another", reply)) return;
  const auto rotated = ctx.services.rotate(args[2], *hash, Millis(overlap), ctx.now);
  finish(ctx, rotated ? Status() : tl::unexpected(rotated.error()), reply);
}

void drop(CatalogContext& ctx, Args args, Reply& reply) {
  if (!may_change(ctx, "SERVICE DROP", reply)) return;
  for (const Keyspace* keyspace : ctx.catalog.all()) {
    if (keyspace->owner != args[2]) continue;
    return reply.error(
        {Code::err, fmt::format("service '{}' owns keyspace '{}': give it to another "
                                "(KEYSPACE ALTER {} OWNER …) or drop it first",
                                args[2], keyspace->name, keyspace->name)});
  }
  const Service* const service = ctx.services.find(args[2]);
  if (service != nullptr && ctx.host.has_runs(service->id))
    return reply.error({Code::err, fmt::format("service '{}' has runs of workflows that have not "
                                               "ended, or are stuck (WORKFLOW LIST 0)",
                                               args[2])});
  finish(ctx, ctx.services.drop(args[2]), reply);
}

bool sees(CatalogContext& ctx, const Service& service) {
  return permissions::may_administer(ctx.services, ctx.caller) || service.id == ctx.caller;
}

void list(CatalogContext& ctx, Args, Reply& reply) {
  std::vector<const Service*> shown = ctx.services.all();
  std::erase_if(shown, [&](const Service* service) { return !sees(ctx, *service); });
  reply.array(shown.size());
  for (const Service* service : shown) reply.bulk(service->name);
}

void info(CatalogContext& ctx, Args args, Reply& reply) {
  const Service* const service = ctx.services.find(args[2]);
  if (service == nullptr || !sees(ctx, *service))
    return reply.error({Code::err, fmt::format("no service '{}'", args[2])});
  std::vector<std::string_view> owned;
  for (const Keyspace* keyspace : ctx.catalog.all()) {
    if (keyspace->owner == service->name) owned.push_back(keyspace->name);
  }
  const bool overlaps = service->former && ctx.now < service->former_until;
  reply.map(6);
  reply.bulk("name");
  reply.bulk(service->name);
  reply.bulk("id");
  reply.integer(service->id.value);
  reply.bulk("admin");
  reply.bulk(service->administers ? "yes" : "no");
  reply.bulk("created-ms");
  reply.integer(to_ms(service->created));
  reply.bulk("former-token-until-ms");
  overlaps ? reply.integer(to_ms(service->former_until)) : reply.null();
  reply.bulk("keyspaces");
  reply.array(owned.size());
  for (const std::string_view name : owned) reply.bulk(name);
}

void help(CatalogContext&, Args, Reply& reply) {
  static constexpr std::string_view lines[] = {
      "SERVICE <subcommand> [<arg> ...]. Subcommands are:",
      "CREATE <name> [ADMIN]",
      "    Declare a service. The reply is its token, which is shown this once.",
      "    From the first one on everybody has to sign in: AUTH <service> <token>.",
      "ROTATE <name> [OVERLAP <duration>]",
      "    Another token. The one before goes on counting for the overlap.",
      "INFO <name>",
      "    What is known of a service.",
      "LIST",
      "    The names of the services that the caller may see.",
      "DROP <name>",
      "    Forget a service that owns no keyspace.",
      "HELP",
      "    Print this help.",
  };
  reply.array(std::size(lines));
  for (const std::string_view line : lines) reply.simple(line);
}

constexpr std::uint32_t changing = flag_admin | flag_write_catalog | flag_no_multi | flag_noscript;
constexpr std::uint32_t showing = flag_no_multi | flag_noscript;

constexpr Row rows[] = {
    {.name = "SERVICE LIST",
     .arity = 2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = list,
     .group = "service",
     .since = "0.1",
     .summary = "The services: all for one that administers, else the caller itself",
     .complexity = "O(N) in the services"},
    {.name = "SERVICE INFO",
     .arity = 3,
     .access = Access::catalog,
     .flags = showing,
     .catalog = info,
     .group = "service",
     .since = "0.1",
     .syntax = "name",
     .summary = "What is known of a service, never its token",
     .complexity = "O(N) in the keyspaces"},
    {.name = "SERVICE DROP",
     .code = 930,
     .arity = 3,
     .access = Access::catalog,
     .flags = changing,
     .catalog = drop,
     .group = "service",
     .since = "0.1",
     .syntax = "name",
     .summary = "Forgets a service that owns no keyspace; its connections end",
     .complexity = "O(N) in the keyspaces"},
    {.name = "SERVICE HELP",
     .arity = 2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = help,
     .group = "service",
     .since = "0.1",
     .summary = "The subcommands of SERVICE",
     .complexity = "O(1)"},
    {.name = "SERVICE ADD",
     .code = 931,
     .arity = 5,
     .access = Access::catalog,
     .flags = changing | flag_internal,
     .catalog = add,
     .group = "service",
     .since = "0.1",
     .syntax = "name token-hash ADMIN|PLAIN",
     .summary = "What SERVICE CREATE puts into the log",
     .complexity = "O(1)"},
    {.name = "SERVICE RENEW",
     .code = 932,
     .arity = 5,
     .access = Access::catalog,
     .flags = changing | flag_internal,
     .catalog = renew,
     .group = "service",
     .since = "0.1",
     .syntax = "name token-hash overlap-ms",
     .summary = "What SERVICE ROTATE puts into the log",
     .complexity = "O(1)"},
};

const Row& row_of(CatalogFunction function) {
  const auto* const row =
      std::ranges::find_if(rows, [&](const Row& one) { return one.catalog == function; });
  HF_ASSERT(row != std::end(rows));
  return *row;
}

}  // namespace

std::span<const Row> service_rows() {
  return rows;
}

CatalogOperation add_service(std::string_view name, bool administers, const TokenHash& token) {
  return {.row = &row_of(add),
          .texts = {"SERVICE", "ADD", std::string(name), to_text(token),
                    std::string(administers ? administers_word : plain_word)}};
}

CatalogOperation renew_service(std::string_view name, const TokenHash& token, Millis overlap) {
  return {.row = &row_of(renew),
          .texts = {"SERVICE", "RENEW", std::string(name), to_text(token),
                    std::to_string(overlap.count())}};
}

}  // namespace holdfast
