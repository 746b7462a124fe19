// SPDX-License-Identifier: Apache-2.0
#include "catalog/keyspace_rows.h"

#include <optional>
#include <string>

#include "base/text_units.h"
#include "catalog/declarations.h"
#include "catalog/keyspace_settings.h"
#include "catalog/permissions.h"

namespace holdfast {
namespace {

bool may_administer(CatalogContext& ctx, std::string_view what, Reply& reply) {
  const Status allowed = permissions::check_administers(ctx.services, ctx.caller, what);
  if (!allowed) reply.error(allowed.error());
  return allowed.has_value();
}

/// As one that is not there, for who may not know of it.
const Keyspace* find_seen(CatalogContext& ctx, std::string_view name, Reply& reply) {
  const Keyspace* const keyspace = ctx.catalog.find(name);
  if (keyspace != nullptr && permissions::may_see(ctx.services, *keyspace, ctx.caller))
    return keyspace;
  refuse(reply, "no keyspace '" + std::string(name) + "'");
  return nullptr;
}

bool owner_is_known(CatalogContext& ctx, const KeyspaceChange& change, Reply& reply) {
  if (change.owner.value_or("").empty() || ctx.services.find(*change.owner) != nullptr) return true;
  refuse(reply, "no service '" + *change.owner + "'");
  return false;
}

void create(CatalogContext& ctx, Args args, Reply& reply) {
  if (!may_administer(ctx, "KEYSPACE CREATE", reply)) return;
  const auto settings = read_creation(args, reply);
  if (!settings) return;
  if (!owner_is_known(ctx, settings->change, reply)) return;
  Keyspace wanted = wanted_keyspace(args[2], *settings, ctx.now);
  // Those keys would be hidden by the new keyspace, and come back when it goes.
  if (is_keyspace_name(wanted.name) && ctx.catalog.find(wanted.name) == nullptr &&
      ctx.host.default_holds_prefix(wanted.name, ctx.now)) {
    return refuse(reply, "keyspace 'default' holds keys that start with '" + wanted.name +
                             ":': delete them first");
  }
  const Result<const Keyspace*> created = ctx.catalog.create(std::move(wanted));
  if (!created) return reply.error(created.error());
  ctx.host.on_created(**created);
  reply.ok();
}

void alter(CatalogContext& ctx, Args args, Reply& reply) {
  const auto settings = read_settings(args, reply);
  if (!settings) return;
  const Keyspace* keyspace = find_seen(ctx, args[2], reply);
  if (keyspace == nullptr) return;
  // An owner sets how its data are kept, not whose they are.
  if (settings->change.owner || keyspace->owner.empty()) {
    if (!may_administer(ctx, "KEYSPACE ALTER", reply)) return;
  }
  if (settings->guarantee && *settings->guarantee != keyspace->guarantee) {
    return refuse(reply, "a keyspace's guarantee never changes in place: create another keyspace");
  }
  if (!owner_is_known(ctx, settings->change, reply)) return;
  const Result<const Keyspace*> altered = ctx.catalog.alter(args[2], settings->change);
  if (!altered) return reply.error(altered.error());
  ctx.host.on_altered(**altered);
  reply.ok();
}

void drop(CatalogContext& ctx, Args args, Reply& reply) {
  if (!may_administer(ctx, "KEYSPACE DROP", reply)) return;
  const auto dropped = ctx.catalog.drop(args[2]);
  if (!dropped) return reply.error(dropped.error());
  ctx.host.on_dropped(**dropped);
  reply.ok();
}

void info(CatalogContext& ctx, Args args, Reply& reply) {
  const Keyspace* keyspace = find_seen(ctx, args[2], reply);
  if (keyspace == nullptr) return;
  const KeyspaceFacts facts = ctx.host.facts(keyspace->id);
  const auto text = [&](std::string_view name, std::string_view value) {
    reply.bulk(name);
    reply.bulk(value);
  };
  const auto number = [&](std::string_view name, std::uint64_t value) {
    reply.bulk(name);
    reply.integer(static_cast<std::int64_t>(value));
  };
  const bool eventual = keyspace->guarantee == Guarantee::eventual;
  reply.map(eventual ? 18 : 17);
  text("name", keyspace->name);
  number("id", keyspace->id.value);
  text("guarantee", eventual ? "eventual" : "strong");
  text("owner", keyspace->owner);
  text("retain-ids", format_duration(keyspace->retain_ids));
  text("require-id", keyspace->require_id ? "yes" : "no");
  text("durability", keyspace->durability == Durability::always ? "always" : "everysec");
  text("max-ids-bytes", std::to_string(keyspace->ids_bytes_max));
  number("created-ms", static_cast<std::uint64_t>(to_ms(keyspace->created)));
  number("keys", facts.keys);
  number("memory-bytes", facts.memory_bytes);
  number("ids", facts.ids);
  number("ids-bytes", facts.ids_bytes);
  number("replayed", facts.replayed);
  number("reused", facts.reused);
  number("expired", facts.expired);
  number("cached-keys", facts.cached_keys);
  if (!eventual) return;
  const NodeFacts node = ctx.host.node_facts();
  reply.bulk("behind-ms");
  reply.map(node.behind.size());
  for (const NodeFacts::Behind& behind : node.behind) {
    reply.bulk(behind.node);
    behind.by ? reply.integer(behind.by->count()) : reply.null();
  }
}

void list(CatalogContext& ctx, Args, Reply& reply) {
  std::vector<const Keyspace*> all = ctx.catalog.all();
  std::erase_if(all, [&](const Keyspace* keyspace) {
    return !permissions::may_see(ctx.services, *keyspace, ctx.caller);
  });
  reply.array(all.size());
  for (const Keyspace* keyspace : all) reply.bulk(keyspace->name);
}

void help(CatalogContext&, Args, Reply& reply) {
  static constexpr std::string_view lines[] = {
      "KEYSPACE <subcommand> [<arg> ...]. Subcommands are:",
      "CREATE <name> GUARANTEE strong|eventual [<setting> ...]",
      "    Declare a keyspace: the keys '<name>:...'.",
      "ALTER <name> <setting> ...",
      "    Change settings. The guarantee never changes.",
      "INFO <name>",
      "    Settings, what this node holds, and how far it is behind the others.",
      "LIST",
      "    The names of all keyspaces.",
      "DIGEST <name>",
      "    A digest of what this node holds: equal content, equal digest.",
      "DROP <name>",
      "    Forget the keyspace with all its keys and request ids.",
      "HELP",
      "    Print this help.",
      "Settings are OWNER <service>, RETAIN-IDS <duration>, REQUIRE-ID [yes|no],",
      "DURABILITY always|everysec, MAX-IDS-BYTES <size>.",
  };
  reply.array(std::size(lines));
  for (const std::string_view line : lines) reply.simple(line);
}

constexpr std::uint32_t changing = flag_admin | flag_write_catalog | flag_no_multi | flag_noscript;
constexpr std::uint32_t showing = flag_no_multi | flag_noscript;

constexpr Row rows[] = {
    {.name = "KEYSPACE CREATE",
     .code = 910,
     .arity = -5,
     .access = Access::catalog,
     .flags = changing,
     .eventual = declarations::create,
     .catalog = create,
     .group = "keyspace",
     .since = "0.1",
     .syntax = "name GUARANTEE <strong | eventual> [OWNER service] [RETAIN-IDS duration] "
               "[REQUIRE-ID [yes | no]] [DURABILITY <always | everysec>] [MAX-IDS-BYTES size]",
     .summary = "Declares a keyspace and its guarantee",
     .complexity = "O(N) in the keys of keyspace default"},
    {.name = "KEYSPACE ALTER",
     .code = 911,
     .arity = -4,
     .access = Access::catalog,
     .flags = changing,
     .eventual = declarations::alter,
     .catalog = alter,
     .group = "keyspace",
     .since = "0.1",
     .syntax = "name [OWNER service] [RETAIN-IDS duration] [REQUIRE-ID [yes | no]] "
               "[DURABILITY <always | everysec>] [MAX-IDS-BYTES size]",
     .summary = "Changes a keyspace's settings, never its guarantee",
     .complexity = "O(1)"},
    {.name = "KEYSPACE INFO",
     .arity = 3,
     .access = Access::catalog,
     .flags = showing | flag_of_keyspace,
     .catalog = info,
     .group = "keyspace",
     .since = "0.1",
     .syntax = "name",
     .summary = "A keyspace's settings and what this node holds of it",
     .complexity = "O(1)"},
    {.name = "KEYSPACE LIST",
     .arity = 2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = list,
     .group = "keyspace",
     .since = "0.1",
     .summary = "The names of the keyspaces that the caller may see, oldest first",
     .complexity = "O(N) in the keyspaces"},
    {.name = "KEYSPACE DROP",
     .code = 912,
     .arity = 3,
     .access = Access::catalog,
     .flags = changing,
     .eventual = declarations::drop,
     .catalog = drop,
     .group = "keyspace",
     .since = "0.1",
     .syntax = "name",
     .summary = "Forgets a keyspace with all its keys and request ids",
     .complexity = "O(N) in its keys"},
    {.name = "KEYSPACE HELP",
     .arity = 2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = help,
     .group = "keyspace",
     .since = "0.1",
     .summary = "The subcommands of KEYSPACE",
     .complexity = "O(1)"},
};

}  // namespace

std::span<const Row> keyspace_rows() {
  return rows;
}

}  // namespace holdfast
