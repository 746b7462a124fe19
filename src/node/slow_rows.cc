// SPDX-License-Identifier: Apache-2.0
#include "node/slow_rows.h"

#include "catalog/permissions.h"
#include "node/node.h"
#include "node/node_row.h"
#include "value/value.h"

namespace holdfast::node {
namespace {

constexpr std::int64_t count_default = 10;

std::vector<SlowLog::Entry> newest(Node& node, ServiceId caller, std::size_t count) {
  std::vector<SlowLog::Entry> all;
  for (const SlowLog::Entry& entry : node.watch().slow().entries()) {
    if (all.size() == count) break;
    if (auto shown = shown_to(node, caller, entry)) all.push_back(std::move(*shown));
  }
  return all;
}

/// How many are asked for, -1 for all of them; nothing, and the error written: it is no count.
std::optional<std::size_t> count_of(Args args, Reply& reply) {
  if (args.size() == 2) return count_default;
  const auto count = parse_integer(args[2]);
  if (!count || *count < -1) {
    reply.error({Code::err, "count should be greater than or equal to -1"});
    return std::nullopt;
  }
  return *count == -1 ? limits::slow_log_len_max : static_cast<std::size_t>(*count);
}

void words(const SlowLog::Entry& entry, Reply& reply) {
  reply.array(entry.command.size());
  for (const std::string& word : entry.command) reply.bulk(word);
}

// As Redis 7 has it.
void get(Node& node, ServiceId caller, Args args, Reply& reply) {
  const auto count = count_of(args, reply);
  if (!count) return;
  const auto entries = newest(node, caller, *count);
  reply.array(entries.size());
  for (const SlowLog::Entry& entry : entries) {
    reply.array(6);
    reply.integer(static_cast<std::int64_t>(entry.id));
    reply.integer(to_ms(entry.at) / 1'000);
    reply.integer(entry.took.count());
    words(entry, reply);
    reply.bulk(entry.client);
    reply.bulk(entry.client_name);
  }
}

// Redis' entries have no room for the service, nor for milliseconds.
void entries(Node& node, ServiceId caller, Args args, Reply& reply) {
  const auto count = count_of(args, reply);
  if (!count) return;
  const auto all = newest(node, caller, *count);
  reply.array(all.size());
  for (const SlowLog::Entry& entry : all) {
    const std::string_view service = node.name_of(entry.caller);
    reply.map(6);
    reply.bulk("id");
    reply.integer(static_cast<std::int64_t>(entry.id));
    reply.bulk("at-ms");
    reply.integer(to_ms(entry.at));
    reply.bulk("took-us");
    reply.integer(entry.took.count());
    reply.bulk("command");
    words(entry, reply);
    reply.bulk("client");
    reply.bulk(entry.client);
    reply.bulk("service");
    service.empty() ? reply.null() : reply.bulk(service);
  }
}

void len(Node& node, ServiceId caller, Args, Reply& reply) {
  reply.integer(static_cast<std::int64_t>(newest(node, caller, limits::slow_log_len_max).size()));
}

void reset(Node& node, ServiceId, Args, Reply& reply) {
  node.watch().slow().clear();
  reply.ok();
}

void help(Node&, ServiceId, Args, Reply& reply) {
  static constexpr std::string_view lines[] = {
      "SLOWLOG <subcommand> [<arg> ...]. Subcommands are:",
      "GET [<count>]",
      "    The newest entries, 10 of them or as many as asked for; -1: all. Each has its number,",
      "    the Unix time, microseconds, the command's words, the client's address and its name.",
      "ENTRIES [<count>]",
      "    The same as maps, with milliseconds and the service that asked.",
      "LEN",
      "    How many there are.",
      "RESET",
      "    Forget all of them.",
      "HELP",
      "    Print this help.",
  };
  reply.array(std::size(lines));
  for (const std::string_view line : lines) reply.simple(line);
}

constexpr Row row(std::string_view name, int arity, NodeFunction function, std::string_view syntax,
                  std::string_view summary, std::uint32_t flags = flag_none) {
  return node_row(name, arity, function, syntax, summary, "O(entries)",
                  flags | flag_noscript | flag_loading);
}

constexpr Row rows[] = {
    row("SLOWLOG GET", -2, get, "[count]",
        "This node's slow commands, as far as they are the caller's"),
    row("SLOWLOG ENTRIES", -2, entries, "[count]",
        "As SLOWLOG GET, with names, and the service that asked"),
    row("SLOWLOG LEN", 2, len, "", "How many entries SLOWLOG GET has"),
    row("SLOWLOG RESET", 2, reset, "", "Forget this node's slow commands", flag_admin),
    row("SLOWLOG HELP", 2, help, "", "The subcommands of SLOWLOG"),
};

}  // namespace

std::optional<SlowLog::Entry> shown_to(Node& node, ServiceId caller, const SlowLog::Entry& entry) {
  const Services& services = node.keyspaces().services();
  if (services.empty() || entry.caller == caller) return entry;
  if (!permissions::may_administer(services, caller)) return std::nullopt;
  SlowLog::Entry shown = entry;
  shown.command.resize(1);
  if (!entry.keyspace.empty()) shown.command.push_back(entry.keyspace + ":...");
  return shown;
}

std::span<const Row> slow_rows() {
  return rows;
}

}  // namespace holdfast::node
