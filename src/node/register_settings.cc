// SPDX-License-Identifier: Apache-2.0
#include "node/register_settings.h"

#include <fmt/format.h>

#include "base/text_units.h"
#include "node/node.h"

namespace holdfast::node {
namespace {

Status set_memory_limit(Node& node, std::string_view text) {
  const auto bytes = parse_bytes(text);
  if (!bytes) return fail(Code::err, "argument must be a memory value");
  node.memory().set_limit(*bytes);
  return {};
}

Status set_connections_max(Node& node, std::string_view text) {
  const auto number = parse_integer(text);
  if (!number || *number < 1 || *number > 1'000'000) {
    return fail(Code::err, "argument must be between 1 and 1000000 inclusive");
  }
  node.fronts().set_connections_max(static_cast<std::size_t>(*number));
  return {};
}

Status set_idle_timeout(Node& node, std::string_view text) {
  const auto seconds = parse_integer(text);
  if (!seconds || *seconds < 0) return fail(Code::err, "argument must be a number of seconds");
  node.front().set_idle_timeout(std::chrono::seconds(*seconds));
  return {};
}

Status set_slower_than(Node& node, std::string_view text) {
  const auto us = parse_integer(text);
  if (!us || *us < -1) return fail(Code::err, "argument must be microseconds, or -1 for none");
  node.watch().slow().set_slower_than(std::chrono::microseconds(*us));
  return {};
}

Status set_slow_log_len(Node& node, std::string_view text) {
  const auto entries = parse_integer(text);
  if (!entries || *entries < 0 || static_cast<std::size_t>(*entries) > limits::slow_log_len_max) {
    return fail(Code::err, fmt::format("argument must be between 0 and {} inclusive",
                                       limits::slow_log_len_max));
  }
  node.watch().slow().set_max_len(static_cast<std::size_t>(*entries));
  return {};
}

Status set_latency_threshold(Node& node, std::string_view text) {
  const auto ms = parse_integer(text);
  if (!ms || *ms < 0) return fail(Code::err, "argument must be milliseconds, or 0 for none");
  node.watch().latency().set_threshold(Millis(*ms));
  return {};
}

Status set_key_events(Node& node, std::string_view text) {
  const auto kinds = key_events::parse(text);
  if (!kinds) return fail(Code::err, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  node.key_events().set_kinds(*kinds);
  return {};
}

Status set_log_level(std::string_view text, const Options& options) {
  const auto level = logging::parse_level(text);
  if (!level) return fail(Code::err, "argument must be one of debug, info, warning, error");
  logging::configure(*level, options.log_format);
  return {};
}

}  // namespace

void register_settings(Node& node) {
  Settings& settings = node.settings();
  const Options& options = node.options();
  const auto fixed = [&](const char* name, std::string value) {
    settings.add(name, [value = std::move(value)] { return value; });
  };
  fixed("data", options.data);
  fixed("dir", options.data);
  fixed("resp", options.resp);
  fixed("http", options.http);
  fixed("engine", options.engine);
  fixed("cluster", options.cluster);
  fixed("node", options.node);
  fixed("port", fmt::to_string(node.front().port()));
  fixed("enable-debug-command", options.enable_debug_command);
  fixed("request-timeout", fmt::to_string(options.request_timeout.count()));
  fixed("ids-memory", fmt::to_string(options.ids_memory_bytes));
  fixed("checkpoint-log-size", fmt::to_string(options.checkpoint_log_bytes));
  for (const char* name : {"maxmemory", "memory-limit"}) {
    settings.add(
        name, [&node] { return fmt::to_string(node.memory().limit()); },
        [&node](std::string_view text) { return set_memory_limit(node, text); });
  }
  for (const char* name : {"maxclients", "connections-max"}) {
    settings.add(
        name, [&node] { return fmt::to_string(node.front().connections_max()); },
        [&node](std::string_view text) { return set_connections_max(node, text); });
  }
  settings.add(
      "slowlog-log-slower-than",
      [&node] { return fmt::to_string(node.watch().slow().slower_than().count()); },
      [&node](std::string_view text) { return set_slower_than(node, text); });
  settings.add(
      "slowlog-max-len", [&node] { return fmt::to_string(node.watch().slow().max_len()); },
      [&node](std::string_view text) { return set_slow_log_len(node, text); });
  settings.add(
      "latency-monitor-threshold",
      [&node] { return fmt::to_string(node.watch().latency().threshold().count()); },
      [&node](std::string_view text) { return set_latency_threshold(node, text); });
  settings.add(
      "timeout",
      [&node] {
        return fmt::to_string(
            std::chrono::duration_cast<std::chrono::seconds>(node.front().idle_timeout()).count());
      },
      [&node](std::string_view text) { return set_idle_timeout(node, text); });
  settings.add(
      "notify-keyspace-events", [&node] { return key_events::text_of(node.key_events().kinds()); },
      [&node](std::string_view text) { return set_key_events(node, text); });
  settings.add(
      "loglevel", [] { return std::string(logging::level_name(logging::level())); },
      [&node](std::string_view text) { return set_log_level(text, node.options()); });
}

}  // namespace holdfast::node
