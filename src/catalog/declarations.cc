// SPDX-License-Identifier: Apache-2.0
#include "catalog/declarations.h"

#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/logging.h"
#include "catalog/keyspace_settings.h"
#include "value/hash.h"
#include "value/value.h"

namespace holdfast::declarations {
namespace {

// Fields. They are on disks and in logs: never renamed.
constexpr std::string_view owner_field = "owner";
constexpr std::string_view retain_field = "retain-ids-ms";
constexpr std::string_view require_field = "require-id";
constexpr std::string_view durability_field = "durability";
constexpr std::string_view ids_bytes_field = "max-ids-bytes";
constexpr std::string_view created_field = "created-ms";

constexpr std::string_view yes = "yes";
constexpr std::string_view no = "no";
constexpr std::string_view always = "always";
constexpr std::string_view everysec = "everysec";

std::string_view word(bool said) {
  return said ? yes : no;
}
std::string_view word(Durability durability) {
  return durability == Durability::always ? always : everysec;
}

template <typename Number>
std::optional<Number> number_in(const Hash& hash, std::string_view field) {
  const auto text = hash.find(field);
  Number number{};
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

/// A setting that is missing or of another kind has its default: it comes from a
/// node that knew another one.
Keyspace declared(std::string_view name, const Hash& hash) {
  Keyspace keyspace;
  keyspace.id = Catalog::id_of_name(name);
  keyspace.name = name;
  keyspace.guarantee = Guarantee::eventual;
  keyspace.owner = hash.find(owner_field).value_or("");
  if (const auto ms = number_in<std::int64_t>(hash, retain_field))
    keyspace.retain_ids = Millis(*ms);
  keyspace.require_id = hash.find(require_field) == yes;
  if (hash.find(durability_field) == everysec) keyspace.durability = Durability::everysec;
  keyspace.ids_bytes_max = number_in<std::uint64_t>(hash, ids_bytes_field).value_or(0);
  keyspace.created = instant_from_ms(number_in<std::int64_t>(hash, created_field).value_or(0));
  return keyspace;
}

void put(EventualContext& context, std::string_view name, std::string_view field,
         std::string_view text) {
  context.effects.emit(
      {.kind = EffectKind::put_field, .key = name, .element = field, .text = text});
}

void put_changes(EventualContext& context, std::string_view name, const KeyspaceChange& change) {
  if (change.owner) put(context, name, owner_field, *change.owner);
  if (change.retain_ids)
    put(context, name, retain_field, std::to_string(change.retain_ids->count()));
  if (change.require_id) put(context, name, require_field, word(*change.require_id));
  if (change.durability) put(context, name, durability_field, word(*change.durability));
  if (change.ids_bytes_max)
    put(context, name, ids_bytes_field, std::to_string(*change.ids_bytes_max));
}

std::optional<Keyspace> find(EventualContext& context, std::string_view name) {
  const Value* value = context.table.find(name, context.now);
  if (value == nullptr || value->type() != Type::hash) return std::nullopt;
  return declared(name, value->as_hash());
}

// No services are declared yet.
bool owner_is_known(const KeyspaceChange& change, Reply& reply) {
  if (change.owner.value_or("").empty()) return true;
  refuse(reply, "no service '" + *change.owner + "'");
  return false;
}

bool same_settings(const Keyspace& a, const Keyspace& b) {
  return a.owner == b.owner && a.retain_ids == b.retain_ids && a.require_id == b.require_id &&
         a.durability == b.durability && a.ids_bytes_max == b.ids_bytes_max &&
         a.created == b.created;
}

}  // namespace

void create(EventualContext& context, Args args, Reply& reply) {
  const auto settings = read_creation(args, reply);
  if (!settings || !owner_is_known(settings->change, reply)) return;
  const Keyspace wanted = wanted_keyspace(args[2], *settings, context.now);
  if (Status possible = Catalog::check(wanted); !possible) return reply.error(possible.error());
  if (wanted.name == Catalog::default_name || find(context, wanted.name))
    return refuse(reply, "keyspace '" + wanted.name + "' exists");
  if (wanted.guarantee == Guarantee::strong) {
    return reply.error({Code::unsupported,
                        "strong keyspaces need an engine (--engine etcd://…): these nodes have "
                        "none, and declare eventual ones only"});
  }
  std::string other;
  context.table.for_each(context.now, [&](std::string_view name, const Value&) {
    if (Catalog::id_of_name(name) == Catalog::id_of_name(wanted.name)) other = name;
  });
  if (!other.empty()) {
    return refuse(reply, "the name '" + wanted.name + "' cannot be had beside '" + other +
                             "': their ids would be the same");
  }
  put_changes(context, wanted.name,
              {.owner = wanted.owner,
               .retain_ids = wanted.retain_ids,
               .require_id = wanted.require_id,
               .durability = wanted.durability,
               .ids_bytes_max = wanted.ids_bytes_max});
  put(context, wanted.name, created_field, std::to_string(to_ms(wanted.created)));
  reply.ok();
}

void alter(EventualContext& context, Args args, Reply& reply) {
  const auto settings = read_settings(args, reply);
  if (!settings) return;
  const auto keyspace = find(context, args[2]);
  if (!keyspace) return refuse(reply, "no keyspace '" + std::string(args[2]) + "'");
  if (settings->guarantee && *settings->guarantee != keyspace->guarantee)
    return refuse(reply, "a keyspace's guarantee never changes in place: create another keyspace");
  if (!owner_is_known(settings->change, reply)) return;
  Keyspace altered = *keyspace;
  if (settings->change.retain_ids) altered.retain_ids = *settings->change.retain_ids;
  if (Status possible = Catalog::check(altered); !possible) return reply.error(possible.error());
  put_changes(context, args[2], settings->change);
  reply.ok();
}

void drop(EventualContext& context, Args args, Reply& reply) {
  if (!find(context, args[2])) return refuse(reply, "no keyspace '" + std::string(args[2]) + "'");
  context.effects.emit({.kind = EffectKind::clear, .key = args[2]});
  reply.ok();
}

void follow(Table& table, Instant now, Catalog& catalog, CatalogHost& host) {
  std::map<std::string, Keyspace, std::less<>> said;
  table.for_each(now, [&](std::string_view name, const Value& value) {
    if (value.type() != Type::hash) return;
    Keyspace keyspace = declared(name, value.as_hash());
    if (Catalog::check(keyspace)) said.emplace(name, std::move(keyspace));
  });
  for (const Keyspace* keyspace : catalog.all()) {
    if (keyspace->id == Catalog::default_id || said.contains(keyspace->name)) continue;
    logging::info("keyspace '{}' is dropped", keyspace->name);
    const auto dropped = catalog.drop(keyspace->name);
    host.on_dropped(**dropped);
  }
  for (auto& [name, keyspace] : said) {
    const Keyspace* known = catalog.find(name);
    if (known != nullptr && same_settings(*known, keyspace)) continue;
    const Keyspace* other = catalog.find(keyspace.id);
    if (other != nullptr && other->name != name) {
      logging::error(
          "keyspaces '{}' and '{}' were declared at nodes that could not tell each "
          "other, and have one id: the second is not to be had",
          other->name, name);
      continue;
    }
    if (known == nullptr) {
      host.on_created(catalog.put(std::move(keyspace)));
      continue;
    }
    if (known->created != keyspace.created) {
      logging::warning(
          "keyspace '{}' was declared twice by nodes that could not tell each other: "
          "the later declaration counts",
          name);
    }
    host.on_altered(catalog.put(std::move(keyspace)));
  }
}

}  // namespace holdfast::declarations
