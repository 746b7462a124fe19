// SPDX-License-Identifier: Apache-2.0
#include "catalog/keyspace_settings.h"

#include <string>
#include <utility>

#include "base/text_units.h"
#include "command/parse.h"

namespace holdfast {
namespace {

using command::equals_nocase;

std::optional<bool> yes_or_no(std::string_view text) {
  if (equals_nocase(text, "YES")) return true;
  if (equals_nocase(text, "NO")) return false;
  return std::nullopt;
}

// Reads the value of one option; false, the error written, when it has none of
// that kind.
bool read_value(std::string_view option, std::string_view value, KeyspaceSettings& settings,
                Reply& reply) {
  KeyspaceChange& change = settings.change;
  bool good = false;
  std::string_view wanted;
  if (equals_nocase(option, "GUARANTEE")) {
    wanted = "strong or eventual";
    if (equals_nocase(value, "STRONG")) settings.guarantee = Guarantee::strong;
    if (equals_nocase(value, "EVENTUAL")) settings.guarantee = Guarantee::eventual;
    good = settings.guarantee.has_value();
  } else if (equals_nocase(option, "OWNER")) {
    change.owner = value;
    good = true;
  } else if (equals_nocase(option, "RETAIN-IDS")) {
    wanted = "a duration such as 72h, 30m, 10s, 500ms or 7d";
    change.retain_ids = parse_duration(value);
    good = change.retain_ids.has_value();
  } else if (equals_nocase(option, "DURABILITY")) {
    wanted = "always or everysec";
    if (equals_nocase(value, "ALWAYS")) change.durability = Durability::always;
    if (equals_nocase(value, "EVERYSEC")) change.durability = Durability::everysec;
    good = change.durability.has_value();
  } else if (equals_nocase(option, "MAX-IDS-BYTES")) {
    wanted = "a size such as 512mb; 0 is no limit";
    change.ids_bytes_max = parse_bytes(value);
    good = change.ids_bytes_max.has_value();
  } else {
    reply.raw_error(command::errors::syntax);
    return false;
  }
  if (!good) refuse(reply, std::string(option) + " takes " + std::string(wanted));
  return good;
}

}  // namespace

void refuse(Reply& reply, std::string message) {
  reply.error({Code::err, std::move(message)});
}

std::optional<KeyspaceSettings> read_settings(Args args, Reply& reply) {
  KeyspaceSettings settings;
  for (std::size_t i = 3; i < args.size(); ++i) {
    if (equals_nocase(args[i], "REQUIRE-ID")) {
      const auto said = i + 1 < args.size() ? yes_or_no(args[i + 1]) : std::nullopt;
      settings.change.require_id = said.value_or(true);
      if (said) ++i;
      continue;
    }
    if (i + 1 == args.size()) {
      reply.raw_error(command::errors::syntax);
      return std::nullopt;
    }
    if (!read_value(args[i], args[i + 1], settings, reply)) return std::nullopt;
    ++i;
  }
  return settings;
}

std::optional<KeyspaceSettings> read_creation(Args args, Reply& reply) {
  auto settings = read_settings(args, reply);
  if (!settings || settings->guarantee) return settings;
  refuse(reply, "say GUARANTEE strong or GUARANTEE eventual");
  return std::nullopt;
}

Keyspace wanted_keyspace(std::string_view name, const KeyspaceSettings& settings, Instant now) {
  const KeyspaceChange& change = settings.change;
  Keyspace wanted;
  wanted.name = name;
  wanted.guarantee = settings.guarantee.value_or(wanted.guarantee);
  wanted.owner = change.owner.value_or("");
  wanted.retain_ids = change.retain_ids.value_or(wanted.retain_ids);
  wanted.require_id = change.require_id.value_or(wanted.require_id);
  wanted.durability = change.durability.value_or(wanted.durability);
  wanted.ids_bytes_max = change.ids_bytes_max.value_or(wanted.ids_bytes_max);
  wanted.created = now;
  return wanted;
}

}  // namespace holdfast
