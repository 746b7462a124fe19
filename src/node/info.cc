// SPDX-License-Identifier: Apache-2.0
#include "node/info.h"

#include <absl/strings/match.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <map>

#include "base/checksum.h"
#include "base/version.h"
#include "command/parse.h"
#include "node/node.h"

namespace holdfast::node {
namespace {

using Section = void (*)(Node&, ServiceId caller, std::string&);

template <typename T>
void line(std::string& out, std::string_view name, const T& value) {
  fmt::format_to(std::back_inserter(out), "{}:{}\r\n", name, value);
}

std::string human(std::uint64_t bytes) {
  if (bytes < 1_MiB) return fmt::format("{:.2f}K", static_cast<double>(bytes) / 1024);
  if (bytes < 1_GiB) return fmt::format("{:.2f}M", static_cast<double>(bytes) / 1048576);
  return fmt::format("{:.2f}G", static_cast<double>(bytes) / 1073741824);
}

// Another one with each start, as Redis' is.
std::string run_id(Node& node) {
  const Hash128 hash = hash128(fmt::format("{}/{}/{}", node.options().cluster, node.options().node,
                                           to_ms(node.started_at())));
  return fmt::format("{:016x}{:016x}{:08x}", hash.high, hash.low,
                     static_cast<std::uint32_t>(to_ms(node.started_at())));
}

void server_section(Node& node, ServiceId, std::string& out) {
  line(out, "redis_version", redis_version);
  line(out, "holdfast_version", product_version);
  line(out, "redis_mode", "standalone");
  line(out, "os", "Linux");
  line(out, "arch_bits", 64);
  line(out, "multiplexing_api", "epoll");
  line(out, "process_id", getpid());
  line(out, "run_id", run_id(node));
  line(out, "tcp_port", node.front().port());
  const auto up = std::chrono::duration_cast<std::chrono::seconds>(node.now() - node.started_at());
  line(out, "server_time_usec", to_ms(node.now()) * 1'000);
  line(out, "uptime_in_seconds", up.count());
  line(out, "uptime_in_days", up.count() / 86'400);
  line(out, "hz", 10);
  line(out, "configured_hz", 10);
  line(out, "executable", "holdfast");
  line(out, "config_file", "");
  line(out, "node_id", node.options().node);
  line(out, "cluster_name", node.options().cluster);
  line(out, "engine", node.options().engine);
}

void clients_section(Node& node, ServiceId, std::string& out) {
  const auto& counters = node.front().counters();
  line(out, "connected_clients", counters.connections);
  line(out, "maxclients", node.front().connections_max());
  line(out, "blocked_clients", node.waiting().pops.size());
  line(out, "tracking_clients", node.tracking().holders());
  line(out, "rejected_connections", counters.refused_connections);
  line(out, "evicted_readers", counters.evicted_readers);
  line(out, "tls_handshakes_failed", node.fronts().tls_failed());
}

void memory_section(Node& node, ServiceId, std::string& out) {
  node.memory().sample(node.keyspaces().memory_bytes());
  line(out, "used_memory", node.memory().active());
  line(out, "used_memory_human", human(node.memory().active()));
  line(out, "used_memory_rss", resident_bytes());
  line(out, "used_memory_rss_human", human(resident_bytes()));
  line(out, "used_memory_peak", node.memory().peak());
  line(out, "used_memory_peak_human", human(node.memory().peak()));
  line(out, "total_system_memory", machine_memory_bytes());
  line(out, "total_system_memory_human", human(machine_memory_bytes()));
  line(out, "mem_allocator", "jemalloc");
  line(out, "mem_fragmentation_ratio",
       fmt::format("{:.2f}",
                   static_cast<double>(resident_bytes()) /
                       static_cast<double>(std::max<std::uint64_t>(node.memory().active(), 1))));
  line(out, "used_memory_dataset", node.keyspaces().memory_bytes());
  line(out, "maxmemory", node.memory().limit());
  line(out, "maxmemory_human", human(node.memory().limit()));
  line(out, "maxmemory_policy", "noeviction");
  std::uint64_t ids_bytes = 0;
  std::uint64_t ids_disk_bytes = 0;
  std::uint64_t ids = 0;
  for (const KeyspaceState* state : node.keyspaces().all()) {
    ids_bytes += state->ids.memory_bytes();
    ids_disk_bytes += state->ids.total_bytes();
    ids += state->ids.size();
  }
  line(out, "request_ids", ids);
  line(out, "request_ids_memory", ids_bytes);
  line(out, "request_ids_bytes", ids_disk_bytes);
}

void persistence_section(Node& node, ServiceId, std::string& out) {
  const auto& checkpoints = node.checkpointer().counters();
  line(out, "loading", 0);
  line(out, "aof_enabled", 1);
  line(out, "aof_last_write_status", node.not_ready() ? "err" : "ok");
  line(out, "rdb_bgsave_in_progress", node.checkpointer().running() ? 1 : 0);
  line(out, "aof_rewrite_in_progress", 0);
  line(out, "rdb_last_save_time", to_ms(node.checkpointer().last_completed_at()) / 1'000);
  line(out, "rdb_last_bgsave_status", node.checkpointer().last_failed() ? "err" : "ok");
  line(out, "checkpoints_completed", checkpoints.completed);
  line(out, "checkpoints_failed", checkpoints.failed);
  line(out, "checkpoint_last_ms", checkpoints.last_duration.count());
  line(out, "checkpoint_last_bytes", checkpoints.last_bytes);
  line(out, "strong_log_position", node.machine().applied().value);
  line(out, "origin_log_position", node.origin_log().last().value);
  line(out, "origin_log_synced", node.origin_log().synced().value);
}

void stats_section(Node& node, ServiceId, std::string& out) {
  const auto& server = node.front().counters();
  const auto& requests = node.requests().counters();
  const auto& strong = node.sequencer().counters();
  const auto& eventual = node.replica().counters();
  line(out, "total_connections_received", server.accepted);
  line(out, "total_commands_processed",
       server.commands - node.requests().tally().commands_before());
  line(out, "total_net_input_bytes", server.bytes_in);
  line(out, "total_net_output_bytes", server.bytes_out);
  line(out, "rejected_connections", server.refused_connections);
  line(out, "total_error_replies", node.requests().tally().errors_answered());
  line(out, "evicted_keys", 0);
  line(out, "latest_fork_usec", 0);
  line(out, "strong_reads", requests.strong_reads);
  line(out, "strong_writes", requests.strong_writes);
  line(out, "strong_entries", strong.entries);
  line(out, "strong_replayed", strong.replayed);
  line(out, "strong_timeouts", strong.timeouts);
  line(out, "eventual_reads", requests.eventual_reads);
  line(out, "eventual_writes", requests.eventual_writes);
  line(out, "eventual_replayed", eventual.replayed);
  line(out, "eventual_mismatched_ids", eventual.mismatched_ids);
  line(out, "refused_over_memory", requests.refused_memory);
  const server::Subscriptions& subscriptions = node.messages().subscriptions();
  line(out, "pubsub_channels", subscriptions.size(server::Topic::channel));
  line(out, "pubsub_patterns", subscriptions.size(server::Topic::pattern));
  line(out, "pubsubshard_channels", subscriptions.size(server::Topic::shard_channel));
  line(out, "tracking_total_keys", node.tracking().keys());
  line(out, "tracking_total_prefixes", node.tracking().prefixes());
  line(out, "tracking_keys_told", node.tracking().counters().told);
  line(out, "tracking_keys_evicted", node.tracking().counters().evicted);
  line(out, "pubsub_clients", subscriptions.subscribers());
  line(out, "keyspace_events", node.messages().counters().events);
  line(out, "pubsub_published", subscriptions.counters().published);
  line(out, "pubsub_delivered", subscriptions.counters().delivered);
  std::uint64_t dropped = node.messages().counters().dropped;
  if (MeshSide* const mesh = node.mesh()) dropped += mesh->mesh().message_counters().dropped;
  line(out, "pubsub_dropped", dropped);
}

void replication_section(Node& node, ServiceId, std::string& out) {
  line(out, "role", "master");
  line(out, "connected_slaves", 0);
  line(out, "master_replid", run_id(node));
  line(out, "master_repl_offset", node.machine().applied().value);
  if (const etcd::EtcdLog* log = node.etcd_log()) {
    const etcd::LogCounters counters = log->counters();
    line(out, "etcd_appends_sent", counters.appends_sent);
    line(out, "etcd_appends_again", counters.appends_again);
    line(out, "etcd_appends_overtaken", counters.appends_overtaken);
    line(out, "etcd_appends_given_up", counters.appends_given_up);
    line(out, "etcd_watches", counters.watches);
    line(out, "etcd_watch_gaps", counters.watch_gaps);
    line(out, "etcd_watch_silences", counters.watch_silences);
    line(out, "etcd_refetches", counters.refetches);
    line(out, "etcd_doubts", counters.doubts);
  }
  if (MeshSide* mesh = node.mesh()) {
    const auto peers = mesh->mesh().peers();
    line(out, "mesh_peers", peers.size());
    for (std::size_t i = 0; i < peers.size(); ++i) {
      const auto& peer = peers[i];
      line(out, fmt::format("mesh_peer{}", i),
           fmt::format("node={},address={},state={},entries_behind={},sent_bytes={}", peer.node,
                       peer.address, peer.connected ? "connected" : "disconnected",
                       peer.entries_behind, peer.sent_bytes));
    }
  }
}

void keyspace_section(Node& node, ServiceId caller, std::string& out) {
  std::uint64_t keys = 0;
  const auto may_use = [&](const Keyspace& keyspace) {
    return node.keyspaces().may_use(keyspace, caller);
  };
  for (const Keyspace* keyspace : node.catalog().all()) {
    if (may_use(*keyspace)) keys += node.keyspaces().find(keyspace->id)->table.size();
  }
  if (keys > 0) line(out, "db0", fmt::format("keys={},expires=0,avg_ttl=0", keys));
  for (const Keyspace* keyspace : node.catalog().all()) {
    if (!may_use(*keyspace)) continue;
    line(out, "keyspace_" + keyspace->name,
         fmt::format("guarantee={},keys={}",
                     keyspace->guarantee == Guarantee::strong ? "strong" : "eventual",
                     node.keyspaces().find(keyspace->id)->table.size()));
  }
}

void cpu_section(Node&, ServiceId, std::string& out) {
  const auto of = [&out](int whom, std::string_view suffix) {
    rusage usage{};
    getrusage(whom, &usage);
    const auto seconds = [](const timeval& time) {
      return fmt::format("{}.{:06}", time.tv_sec, time.tv_usec);
    };
    line(out, fmt::format("used_cpu_sys{}", suffix), seconds(usage.ru_stime));
    line(out, fmt::format("used_cpu_user{}", suffix), seconds(usage.ru_utime));
  };
  of(RUSAGE_SELF, "");
  of(RUSAGE_CHILDREN, "_children");
}

void modules_section(Node&, ServiceId, std::string&) {}

// Commands are not timed one by one: their times are zero.
void commandstats_section(Node& node, ServiceId, std::string& out) {
  std::map<std::string, server::Tally::Calls> calls;
  for (const auto& [row, counts] : node.requests().tally().calls()) {
    calls.emplace(command::redis_name(row->name), counts);
  }
  for (const auto& [name, counts] : calls) {
    line(out, "cmdstat_" + name,
         fmt::format("calls={},usec=0,usec_per_call=0.00,rejected_calls={},failed_calls={}",
                     counts.calls, counts.refused, counts.failed));
  }
}

void errorstats_section(Node& node, ServiceId, std::string& out) {
  for (const auto& [code, count] : node.requests().tally().errors()) {
    line(out, "errorstat_" + code, fmt::format("count={}", count));
  }
}

void latencystats_section(Node& node, ServiceId, std::string& out) {
  const Latencies& all = node.front().latencies();
  line(out, "latency_percentiles_usec_all",
       fmt::format("p50={},p99={},p99.9={}", all.quantile(0.5).count(), all.quantile(0.99).count(),
                   all.quantile(0.999).count()));
}

void cluster_section(Node&, ServiceId, std::string& out) {
  line(out, "cluster_enabled", 0);
}

// Which words for several sections name it, in Redis 7.0.
enum class In : std::uint8_t { everything, all, by_default };

struct Named {
  std::string_view name;
  Section write;
  In in;
};
constexpr Named sections[] = {
    {"Server", server_section, In::by_default},
    {"Clients", clients_section, In::by_default},
    {"Memory", memory_section, In::by_default},
    {"Persistence", persistence_section, In::by_default},
    {"Stats", stats_section, In::by_default},
    {"Replication", replication_section, In::by_default},
    {"CPU", cpu_section, In::by_default},
    {"Modules", modules_section, In::everything},
    {"Commandstats", commandstats_section, In::all},
    {"Errorstats", errorstats_section, In::by_default},
    {"Latencystats", latencystats_section, In::all},
    {"Cluster", cluster_section, In::by_default},
    {"Keyspace", keyspace_section, In::by_default},
};

bool same(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase({a.data(), a.size()}, {b.data(), b.size()});
}

}  // namespace

std::string info_text(Node& node, ServiceId caller, const std::vector<std::string_view>& wanted) {
  // The widest word that is there says which sections come besides those that are named.
  std::optional<In> widest;
  if (wanted.empty()) widest = In::by_default;
  for (const std::string_view name : wanted) {
    if (same(name, "everything")) widest = In::everything;
    if (same(name, "all")) widest = std::min(widest.value_or(In::all), In::all);
    if (same(name, "default")) widest = widest.value_or(In::by_default);
  }
  std::string out;
  for (const auto& [name, write, in] : sections) {
    const bool named = (widest && in >= *widest) ||
                       std::any_of(wanted.begin(), wanted.end(),
                                   [name = name](std::string_view w) { return same(w, name); });
    if (!named) continue;
    if (!out.empty()) out.append("\r\n");
    fmt::format_to(std::back_inserter(out), "# {}\r\n", name);
    write(node, caller, out);
  }
  return out;
}

}  // namespace holdfast::node
