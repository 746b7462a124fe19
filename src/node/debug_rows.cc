// SPDX-License-Identifier: Apache-2.0
#include "node/debug_rows.h"

#include <absl/strings/match.h>
#include <fmt/format.h>

#include <string>
#include <thread>

#include "command/encoding.h"
#include "command/parse.h"
#include "node/node.h"
#include "value/value.h"

namespace holdfast::node {
namespace {

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("[::1]") || address.starts_with("::1");
}

bool is_allowed(Node& node) {
  const std::string& allowed = node.options().enable_debug_command;
  return allowed == "yes" || (allowed == "local" && is_loopback(node.running().from));
}

Instant time_of(Node& node, const KeyspaceState& state) {
  return state.guarantee == Guarantee::strong ? node.strong_time() : node.eventual_time();
}

// The state of the key's keyspace, if it is the caller's to read.
KeyspaceState* state_of(Node& node, ServiceId caller, std::string_view key) {
  const Keyspace& keyspace = node.catalog().of_key(key);
  return node.keyspaces().may_use(keyspace, caller) ? node.keyspaces().find(keyspace.id) : nullptr;
}

// Stops everything, as it does in Redis: that is what tests want of it.
void sleep(Node&, ServiceId, Args args, Reply& reply) {
  const auto seconds = command::parse_score(args[2]);
  if (!seconds || !(*seconds >= 0) || *seconds > limits::debug_sleep_seconds_max) {
    return reply.error({Code::err, fmt::format("a time from 0 to {} seconds is needed",
                                               limits::debug_sleep_seconds_max)});
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(*seconds));
  reply.ok();
}

void object(Node& node, ServiceId caller, Args args, Reply& reply) {
  KeyspaceState* state = state_of(node, caller, args[2]);
  const Value* value =
      state == nullptr ? nullptr : state->table.find(args[2], time_of(node, *state));
  if (value == nullptr) return reply.error({Code::err, "no such key"});
  std::string stored;
  encode(*value, stored);
  reply.simple(fmt::format(
      "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:0 lru_seconds_idle:0",
      command::encoding_of(*value), stored.size()));
}

void set_active_expire(Node& node, ServiceId, Args args, Reply& reply) {
  node.set_active_expire(args[2] != "0");
  reply.ok();
}

// A checkpoint; then every value is forgotten, and read from there when it is asked for.
void reload(Node& node, ServiceId, Args, Reply& reply) {
  const auto forget = [](Node& its, Reply& answer) {
    for (KeyspaceState* state : its.keyspaces().all()) {
      state->table.evict(state->table.memory_bytes());
    }
    answer.ok();
  };
  if (Status waits = node.checkpoint_for(forget); !waits) reply.error(waits.error());
}

// As long as Redis' of SHA-1.
std::string digest_text(std::uint64_t digest) {
  return fmt::format("{:024x}{:016x}", 0, digest);
}

void digest(Node& node, ServiceId caller, Args, Reply& reply) {
  std::uint64_t all = 0;
  for (KeyspaceState* state : node.keyspaces().all()) {
    if (!node.keyspaces().may_use(*node.catalog().find(state->id), caller)) continue;
    all += state->table.digest(time_of(node, *state));
  }
  reply.simple(digest_text(all));
}

void digest_value(Node& node, ServiceId caller, Args args, Reply& reply) {
  reply.array(args.size() - 2);
  for (const std::string_view key : args.subspan(2)) {
    KeyspaceState* state = state_of(node, caller, key);
    reply.simple(
        digest_text(state == nullptr ? 0 : state->table.digest_of(key, time_of(node, *state))));
  }
}

void accept(Node&, ServiceId, Args, Reply& reply) {
  reply.ok();
}

void say_error(Node&, ServiceId, Args args, Reply& reply) {
  reply.raw_error(args[2]);
}

void log(Node&, ServiceId, Args args, Reply& reply) {
  logging::warning("DEBUG LOG: {}", args[2]);
  reply.ok();
}

void help(Node& node, ServiceId caller, Args args, Reply& reply);

struct Subcommand {
  std::string_view name;
  int arity;  // as a row's
  NodeFunction function;
  std::string_view syntax, summary;
};

constexpr Subcommand subcommands[] = {
    {"CHANGE-REPL-ID", 2, accept, "", "Accepted: there is none."},
    {"DIGEST", 2, digest, "", "A digest of everything that the caller may read."},
    {"DIGEST-VALUE", -2, digest_value, "<key> ...", "One of each key; zeros: it is not there."},
    {"ERROR", 3, say_error, "<text>", "Answers this error."},
    {"HELP", 2, help, "", "These lines."},
    {"LOG", 3, log, "<text>", "Writes that to the log."},
    {"OBJECT", -3, object, "<key>", "How Redis would keep the value, and how long it is stored."},
    {"RELOAD", -2, reload, "[<option> ...]", "A checkpoint; then values are read from disk anew."},
    {"SET-ACTIVE-EXPIRE", 3, set_active_expire, "<0|1>",
     "Whether keys go without being asked for."},
    {"SLEEP", 3, sleep, "<seconds>", "Stops the whole node for that time."},
};

void help(Node&, ServiceId, Args, Reply& reply) {
  reply.array(1 + 2 * std::size(subcommands));
  reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const Subcommand& one : subcommands) {
    reply.simple(fmt::format("{}{}{}", one.name, one.syntax.empty() ? "" : " ", one.syntax));
    reply.simple(fmt::format("    {}", one.summary));
  }
}

void debug(Node& node, ServiceId caller, Args args, Reply& reply) {
  if (!is_allowed(node)) {
    return reply.error(
        {Code::err,
         "DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you "
         "can run it from a local connection, otherwise you need to set this option in the "
         "configuration file, and then restart the server."});
  }
  const auto n = static_cast<int>(args.size());
  for (const Subcommand& one : subcommands) {
    if (!command::equals_nocase(args[1], one.name)) continue;
    if (one.arity > 0 ? n == one.arity : n >= -one.arity) {
      return one.function(node, caller, args, reply);
    }
  }
  reply.error({Code::err, fmt::format("unknown subcommand or wrong number of arguments for '{}'. "
                                      "Try DEBUG HELP.",
                                      args[1].substr(0, 128))});
}

constexpr Row rows[] = {
    {.name = "DEBUG",
     .arity = -2,
     .access = Access::node,
     .flags = flag_admin | flag_noscript | flag_loading | flag_no_multi,
     .node = debug,
     .group = "server",
     .since = "0.1",
     .syntax = "subcommand [argument ...]",
     .summary = "What tests of clients ask of a server; only with --enable-debug-command",
     .complexity = "that of the subcommand"},
};

}  // namespace

std::span<const Row> debug_rows() {
  return rows;
}

}  // namespace holdfast::node
