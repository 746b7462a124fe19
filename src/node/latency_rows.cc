// SPDX-License-Identifier: Apache-2.0
#include "node/latency_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/version.h"
#include "node/node.h"
#include "node/node_row.h"

namespace holdfast::node {
namespace {

const LatencyLog& log_of(Node& node) {
  return node.watch().latency();
}

void latest(Node& node, ServiceId, Args, Reply& reply) {
  const auto& events = log_of(node).events();
  reply.array(events.size());
  for (const auto& [name, event] : events) {
    reply.array(4);
    reply.bulk(name);
    reply.integer(event.samples.back().at_seconds);
    reply.integer(event.samples.back().took_ms);
    reply.integer(event.worst_ms);
  }
}

void history(Node& node, ServiceId, Args args, Reply& reply) {
  const auto found = log_of(node).events().find(args[2]);
  if (found == log_of(node).events().end()) return reply.array(0);
  reply.array(found->second.samples.size());
  for (const LatencyLog::Sample& sample : found->second.samples) {
    reply.array(2);
    reply.integer(sample.at_seconds);
    reply.integer(sample.took_ms);
  }
}

void reset(Node& node, ServiceId, Args args, Reply& reply) {
  std::size_t events = 0;
  if (args.size() == 2) events = node.watch().latency().reset("");
  for (const std::string_view event : args.subspan(2)) {
    if (!event.empty()) events += node.watch().latency().reset(event);
  }
  reply.integer(static_cast<std::int64_t>(events));
}

void doctor(Node& node, ServiceId, Args, Reply& reply) {
  const LatencyLog& log = log_of(node);
  if (!log.is_on()) {
    return reply.verbatim_text(
        "Nothing is watched: CONFIG SET latency-monitor-threshold <milliseconds> begins it.\n");
  }
  std::string text;
  for (const auto& [name, event] : log.events()) {
    std::int64_t sum = 0;
    for (const auto& sample : event.samples) sum += sample.took_ms;
    text += fmt::format("{}: {} times {} ms or more, {} ms on the average, {} ms at worst.\n", name,
                        event.samples.size(), log.threshold().count(),
                        sum / static_cast<std::int64_t>(event.samples.size()), event.worst_ms);
  }
  if (text.empty()) text = "Nothing took long so far.\n";
  if (log.events().contains("command") || log.events().contains("fast-command"))
    text += "SLOWLOG GET shows which commands were slow, and whose.\n";
  reply.verbatim_text(text);
}

// A column a sample, the newest at the right.
std::string graph_of(const LatencyLog::Event& event) {
  constexpr std::size_t columns = 80;
  constexpr int rows = 4;
  const auto& samples = event.samples;
  const std::size_t from = samples.size() - std::min(samples.size(), columns);
  std::int64_t high = 1;
  for (std::size_t i = from; i < samples.size(); ++i) high = std::max(high, samples[i].took_ms);
  std::string text;
  for (int row = rows; row > 0; --row) {
    for (std::size_t i = from; i < samples.size(); ++i) {
      text += samples[i].took_ms * rows > high * (row - 1) ? '#' : ' ';
    }
    text += '\n';
  }
  return text;
}

void graph(Node& node, ServiceId, Args args, Reply& reply) {
  const auto found = log_of(node).events().find(args[2]);
  if (found == log_of(node).events().end()) {
    return reply.error({Code::err, fmt::format("No samples available for event '{}'", args[2])});
  }
  const LatencyLog::Event& event = found->second;
  reply.verbatim_text(
      fmt::format("{} - high {} ms (all time high {} ms)\n{}", args[2],
                  std::ranges::max(event.samples, {}, &LatencyLog::Sample::took_ms).took_ms,
                  event.worst_ms, graph_of(event)));
}

// Commands are not timed one by one: a pipeline's are timed together. So there is one histogram,
// of all requests.
void histogram(Node& node, ServiceId, Args args, Reply& reply) {
  if (args.size() > 2) return reply.map(0);
  const Latencies& all = node.front().latencies();
  reply.map(1);
  reply.bulk("all");
  reply.map(2);
  reply.bulk("calls");
  reply.integer(static_cast<std::int64_t>(all.count()));
  reply.bulk("histogram_usec");
  std::vector<std::pair<std::int64_t, std::int64_t>> steps;
  std::uint64_t before = 0;
  for (std::int64_t us = 1; before < all.count() && us < std::int64_t{1} << 40; us *= 2) {
    const std::uint64_t up_to = all.count_up_to(std::chrono::microseconds(us));
    if (up_to > before) steps.emplace_back(us, static_cast<std::int64_t>(up_to));
    before = up_to;
  }
  reply.map(steps.size());
  for (const auto& [us, count] : steps) {
    reply.integer(us);
    reply.integer(count);
  }
}

constexpr Row row(std::string_view name, int arity, NodeFunction function, std::string_view syntax,
                  std::string_view summary, std::uint32_t flags = flag_admin) {
  return node_row(name, arity, function, syntax, summary, "O(samples)",
                  flags | flag_noscript | flag_loading);
}

constexpr Row rows[] = {
    row("LATENCY LATEST", 2, latest, "", "What took long last, by event, where it is watched"),
    row("LATENCY HISTORY", 3, history, "event", "When an event took long, and how long"),
    row("LATENCY RESET", -2, reset, "[event [event ...]]", "Forget events"),
    row("LATENCY DOCTOR", 2, doctor, "", "The same in words"),
    row("LATENCY GRAPH", 3, graph, "event", "The same drawn"),
    row("LATENCY HISTOGRAM", -2, histogram, "[command [command ...]]",
        "How long all requests took; single commands are not timed"),
    row("LATENCY HELP", 2, help_of_subcommands, "", "The subcommands of LATENCY", flag_none),
};

}  // namespace

std::span<const Row> latency_rows() {
  return rows;
}

}  // namespace holdfast::node
