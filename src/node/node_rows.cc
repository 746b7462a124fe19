// SPDX-License-Identifier: Apache-2.0
#include "node/node_rows.h"

#include <absl/strings/match.h>
#include <fmt/format.h>

#include <array>

#include "catalog/permissions.h"
#include "command/glob.h"
#include "node/info.h"
#include "node/keyspace_walk.h"
#include "node/node.h"
#include "node/node_row.h"
#include "server/command_facts.h"
#include "value/value.h"

namespace holdfast::node {
namespace {

constexpr std::size_t scan_count_default = 10;

bool same(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase({a.data(), a.size()}, {b.data(), b.size()});
}

Instant time_of(Node& node, const KeyspaceState& state) {
  return state.guarantee == Guarantee::strong ? node.strong_time() : node.eventual_time();
}

bool may_use(Node& node, const KeyspaceState& state, ServiceId caller) {
  return node.keyspaces().may_use(*node.catalog().find(state.id), caller);
}

KeyspaceWalk walk_of(Node& node, ServiceId caller) {
  return {node.catalog(), node.keyspaces(),
          [&node](const KeyspaceState& state) { return time_of(node, state); },
          [&node, caller](const KeyspaceState& state) { return may_use(node, state, caller); }};
}

void info(Node& node, ServiceId caller, Args args, Reply& reply) {
  reply.verbatim_text(info_text(node, caller, {args.begin() + 1, args.end()}));
}

void dbsize(Node& node, ServiceId caller, Args, Reply& reply) {
  std::uint64_t keys = 0;
  for (const KeyspaceState* state : node.keyspaces().all()) {
    if (may_use(node, *state, caller)) keys += state->table.size();
  }
  reply.integer(static_cast<std::int64_t>(keys));
}

// Who administers compares nodes by it; it tells nothing of what is there.
void digest(Node& node, ServiceId caller, Args args, Reply& reply) {
  const Keyspace* keyspace = node.catalog().find(args[2]);
  const Services& services = node.keyspaces().services();
  if (keyspace != nullptr && !permissions::may_see(services, *keyspace, caller)) keyspace = nullptr;
  KeyspaceState* state = keyspace == nullptr ? nullptr : node.keyspaces().find(keyspace->id);
  if (state == nullptr) return reply.error({Code::err, fmt::format("no keyspace '{}'", args[2])});
  reply.bulk(fmt::format("{:016x}", state->table.digest(time_of(node, *state))));
}

void keys(Node& node, ServiceId caller, Args args, Reply& reply) {
  const std::string_view pattern = args[1];
  std::string found;
  Reply elements(found);
  std::size_t count = 0;
  walk_of(node, caller).all(pattern, [&](std::string_view key, const Value&) {
    if (!command::glob_match(pattern, key)) return;
    elements.bulk(key);
    ++count;
  });
  reply.array(count);
  reply.buffer().append(found);
}

void scan(Node& node, ServiceId caller, Args args, Reply& reply) {
  std::uint64_t cursor = 0;
  const auto [end, error] =
      std::from_chars(args[1].data(), args[1].data() + args[1].size(), cursor);
  if (error != std::errc() || end != args[1].data() + args[1].size()) {
    return reply.error({Code::err, "invalid cursor"});
  }
  std::string_view pattern = "*";
  std::string_view type;
  std::int64_t count = scan_count_default;
  for (std::size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return reply.error({Code::err, "syntax error"});
    if (same(args[i], "MATCH")) {
      pattern = args[i + 1];
    } else if (same(args[i], "TYPE")) {
      type = args[i + 1];
    } else if (same(args[i], "COUNT")) {
      const auto number = parse_integer(args[i + 1]);
      if (!number) return reply.error({Code::err, "value is not an integer or out of range"});
      if (*number < 1) return reply.error({Code::err, "syntax error"});
      count = *number;
    } else {
      return reply.error({Code::err, "syntax error"});
    }
  }
  std::string found;
  Reply elements(found);
  std::size_t matched = 0;
  const std::uint64_t next = walk_of(node, caller)
                                 .step(cursor, static_cast<std::size_t>(count), pattern,
                                       [&](std::string_view key, const Value& value) {
                                         if (!type.empty() && !same(type, type_name(value.type())))
                                           return;
                                         if (!command::glob_match(pattern, key)) return;
                                         elements.bulk(key);
                                         ++matched;
                                       });
  reply.array(2);
  reply.bulk(fmt::format_int(next).str());
  reply.array(matched);
  reply.buffer().append(found);
}

void random_key(Node& node, ServiceId caller, Args, Reply& reply) {
  // The first key at or after a place drawn from the clock: cheap, not uniform.
  const auto nanos = node.environment().now().time_since_epoch().count();
  const std::uint64_t place = static_cast<std::uint64_t>(nanos) * 0x9E3779B97F4A7C15ULL;
  std::optional<std::string> chosen;
  const auto take = [&](std::string_view key, const Value&) {
    if (!chosen) chosen = key;
  };
  const auto& all = node.keyspaces().all();
  const std::size_t first = place % all.size();
  KeyspaceWalk walk = walk_of(node, caller);
  for (std::size_t i = 0; i < all.size() && !chosen; ++i) {
    const KeyspaceState& state = *all[(first + i) % all.size()];
    if (!may_use(node, state, caller)) continue;
    walk.step(KeyspaceWalk::cursor_of(state.place, place), 1, "*", take);
    if (!chosen) walk.step(KeyspaceWalk::cursor_of(state.place, 0), 1, "*", take);
  }
  chosen ? reply.bulk(*chosen) : reply.null();
}

void flush_all(Node& node, ServiceId caller, Args args, Reply& reply) {
  const bool plain = args.size() == 1;
  if (!plain && (args.size() > 2 || (!same(args[1], "ASYNC") && !same(args[1], "SYNC")))) {
    return reply.error({Code::err, "syntax error"});
  }
  node.flush_all(node.defer(), *node.commands().find(args[0]), caller);
}

void flush_strong(Context& context, Args, Reply& reply) {
  context.table.clear();
  reply.ok();
}

// The node gives the keys, in portions: args[1] and on.
void flush_eventual(EventualContext& context, Args args, Reply& reply) {
  for (const std::string_view key : args.subspan(1)) {
    if (context.table.find(key, context.now) == nullptr) continue;
    Effect effect;
    effect.kind = EffectKind::clear;
    effect.key = key;
    context.effects.emit(effect);
  }
  reply.ok();
}

void config_get(Node& node, ServiceId, Args args, Reply& reply) {
  const auto found = node.settings().get({args.begin() + 2, args.end()});
  reply.map(found.size());
  for (const auto& [name, value] : found) {
    reply.bulk(name);
    reply.bulk(value);
  }
}

void config_set(Node& node, ServiceId, Args args, Reply& reply) {
  if (args.size() % 2 != 0) {
    return reply.error({Code::err, "wrong number of arguments for 'config|set' command"});
  }
  std::vector<std::pair<std::string_view, std::string_view>> changes;
  for (std::size_t i = 2; i < args.size(); i += 2) changes.emplace_back(args[i], args[i + 1]);
  const Status set = node.settings().set(changes);
  set ? reply.ok() : reply.error(set.error());
}

void config_resetstat(Node& node, ServiceId, Args, Reply& reply) {
  node.requests().tally().reset(node.front().counters().commands);
  reply.ok();
}

void config_rewrite(Node&, ServiceId, Args, Reply& reply) {
  reply.error({Code::err, "The server is running without a config file"});
}

void token(Node& node, ServiceId, Args, Reply& reply) {
  reply.bulk(node.token().encode());
}

void time(Node&, ServiceId, Args, Reply& reply) {
  using std::chrono::duration_cast;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = duration_cast<std::chrono::seconds>(now);
  reply.array(2);
  reply.bulk(fmt::format_int(seconds.count()).str());
  reply.bulk(
      fmt::format_int(duration_cast<std::chrono::microseconds>(now - seconds).count()).str());
}

/// A row over all keyspaces that is an operation in each one's log.
constexpr Row flush_row(std::string_view name, std::uint16_t code, std::string_view summary) {
  Row made = node_row(name, -1, flush_all, "[ASYNC | SYNC]", summary, "O(keys)");
  made.code = code;
  made.strong = flush_strong;
  made.eventual = flush_eventual;
  made.on_eventual = "Removes the keys this replica has.";
  return made;
}

constexpr std::uint32_t config_flags = flag_admin | flag_loading;

constexpr std::array rows{
    node_row("INFO", -1, info, "[section [section ...]]", "Facts and counters of this node", "O(1)",
             flag_loading),
    node_row("DBSIZE", 1, dbsize, "", "The number of keys in all keyspaces", "O(keyspaces)",
             flag_fast),
    node_row("KEYSPACE DIGEST", 3, digest, "name",
             "A digest of a keyspace's content on this node: equal content, equal digest",
             "O(keys)", flag_none, "keyspace"),
    node_row("KEYS", 2, keys, "pattern", "All keys that match a glob pattern, of all keyspaces",
             "O(keys)", 0, "generic"),
    node_row("SCAN", -2, scan, "cursor [MATCH pattern] [COUNT count] [TYPE type]",
             "Walk the keys of all keyspaces in steps", "O(count) a step", 0, "generic"),
    node_row("RANDOMKEY", 1, random_key, "", "Some key", "O(keyspaces)", 0, "generic"),
    flush_row("FLUSHALL", 800, "Remove all keys of all keyspaces, one operation a keyspace"),
    flush_row("FLUSHDB", 801, "As FLUSHALL: there is one database"),
    node_row("CONFIG GET", -3, config_get, "parameter [parameter ...]",
             "Settings that match glob patterns", "O(settings)", config_flags),
    node_row("CONFIG SET", -4, config_set, "parameter value [parameter value ...]",
             "Change settings until the node stops", "O(settings)", config_flags),
    node_row("CONFIG RESETSTAT", 2, config_resetstat, "",
             "Count commands, their calls and errors from zero; other counters only grow", "O(1)",
             config_flags),
    node_row("CONFIG REWRITE", 2, config_rewrite, "",
             "Refused: the configuration file is its writer's", "O(1)", config_flags),
    node_row("TOKEN", 1, token, "", "What this connection has seen so far, for AFTER on any node",
             "O(nodes)", flag_fast, "consistency"),
    node_row("TIME", 1, time, "", "This node's wall clock: seconds and microseconds", "O(1)",
             flag_fast),
};

}  // namespace

void help_of_subcommands(Node& node, ServiceId, Args args, Reply& reply) {
  server::write_help(node.commands(), args[0], reply);
}

std::span<const Row> node_rows() {
  return rows;
}

}  // namespace holdfast::node
