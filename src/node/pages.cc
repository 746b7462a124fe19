// SPDX-License-Identifier: Apache-2.0
#include "node/pages.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <map>

#include "base/spilling_memory.h"
#include "base/version.h"
#include "catalog/permissions.h"
#include "node/node.h"

namespace holdfast::node {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::map<std::string, std::string>;

/// Gathers the figures of one answer; every figure is read where it is kept,
/// so nothing is counted twice.
class Page {
 public:
  void counter(const char* name, const char* help, std::uint64_t value, const Labels& labels = {}) {
    add(MetricType::Counter, name, help, labels).counter.value = static_cast<double>(value);
  }
  void gauge(const char* name, const char* help, double value, const Labels& labels = {}) {
    add(MetricType::Gauge, name, help, labels).gauge.value = value;
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  ClientMetric& add(MetricType type, const char* name, const char* help, const Labels& labels) {
    const std::string full = std::string("holdfast_") + name;
    if (families_.empty() || families_.back().name != full) {
      families_.push_back({full, help, type, {}});
    }
    ClientMetric& metric = families_.back().metric.emplace_back();
    for (const auto& [label, value] : labels) metric.label.push_back({label, value});
    return metric;
  }
  std::vector<MetricFamily> families_;
};

void workflow_metrics(Node& node, Page& page) {
  if (node.workflows() == nullptr) return;
  const workflow::Engine& engine = node.keyspaces().workflows();
  std::map<workflow::RunState, std::uint64_t> open{{workflow::RunState::running, 0},
                                                   {workflow::RunState::undoing, 0},
                                                   {workflow::RunState::stuck, 0}};
  for (const auto& [name, current] : engine.current()) ++open[current.state];
  for (const auto& [state, runs] : open) {
    page.gauge("workflow_runs", "Runs that have not ended, or are stuck.",
               static_cast<double>(runs), {{"state", std::string(workflow::text_of(state))}});
  }
  const auto& counters = engine.counters();
  page.counter("workflow_runs_started_total", "Runs begun, as this node saw.", counters.started);
  constexpr const char* ended = "Runs that came to their end, or stuck, as this node saw.";
  page.counter("workflow_runs_ended_total", ended, counters.done, {{"state", "done"}});
  page.counter("workflow_runs_ended_total", ended, counters.undone, {{"state", "undone"}});
  page.counter("workflow_runs_ended_total", ended, counters.cancelled, {{"state", "cancelled"}});
  page.counter("workflow_runs_ended_total", ended, counters.stuck, {{"state", "stuck"}});
  page.counter("workflow_attempts_total", "Attempts of all nodes, as this node saw.",
               counters.attempts);
  page.gauge("workflow_attempts_in_flight", "Attempts of this node under way.",
             static_cast<double>(node.workflows()->in_flight()));
}

void server_metrics(Node& node, Page& page) {
  const auto& server = node.front().counters();
  page.gauge("info", "What runs here.", 1,
             {{"version", std::string(product_version)}, {"node", node.options().node}});
  page.gauge("ready", "1 when writes of every guarantee are taken.", node.not_ready() ? 0 : 1);
  page.gauge("connections", "Open RESP connections.", static_cast<double>(server.connections));
  page.gauge("blocked_clients", "Clients that wait for something to take (BLPOP, …).",
             static_cast<double>(node.waiting().pops.size()));
  page.counter("connections_accepted_total", "RESP connections accepted.", server.accepted);
  if (server::Front* const http = node.fronts().http()) {
    const auto& over_http = http->counters();
    page.gauge("http_connections", "Open HTTP connections.",
               static_cast<double>(over_http.connections));
    page.counter("http_connections_accepted_total", "HTTP connections accepted.",
                 over_http.accepted);
    page.counter("http_connections_refused_total", "HTTP connections over the limit.",
                 over_http.refused_connections);
    page.counter("http_commands_total", "Commands that HTTP requests came to.", over_http.commands);
    const char* const bytes = "Bytes over HTTP.";
    page.counter("http_bytes_total", bytes, over_http.bytes_in, {{"direction", "in"}});
    page.counter("http_bytes_total", bytes, over_http.bytes_out, {{"direction", "out"}});
  }
  page.counter("connections_refused_total", "Connections over the limit.",
               server.refused_connections);
  page.counter("readers_evicted_total", "Connections cut off at the output limit.",
               server.evicted_readers);
  page.counter("tls_handshakes_failed_total", "Clients with whom TLS was not agreed, HTTP's too.",
               node.fronts().tls_failed());
  page.counter("commands_total", "Commands received.", server.commands);
  page.counter("network_bytes_total", "Bytes over RESP.", server.bytes_in, {{"direction", "in"}});
  page.counter("network_bytes_total", "Bytes over RESP.", server.bytes_out, {{"direction", "out"}});
}

void message_metrics(Node& node, Page& page) {
  const server::Subscriptions& subscriptions = node.messages().subscriptions();
  const char* const names = "Channels and patterns with subscribers on this node.";
  const auto size = [&](server::Topic topic) {
    return static_cast<double>(subscriptions.size(topic));
  };
  page.gauge("pubsub_names", names, size(server::Topic::channel), {{"kind", "channel"}});
  page.gauge("pubsub_names", names, size(server::Topic::pattern), {{"kind", "pattern"}});
  page.gauge("pubsub_names", names, size(server::Topic::shard_channel),
             {{"kind", "shard_channel"}});
  page.gauge("tracking_clients", "Connections that are told when keys change that they keep.",
             static_cast<double>(node.tracking().holders()));
  page.gauge("tracking_keys", "Keys that such connections have read.",
             static_cast<double>(node.tracking().keys()));
  page.counter("tracking_told_total", "Keys that they were told of.",
               node.tracking().counters().told);
  page.gauge("pubsub_subscribers", "Connections of this node that have subscribed.",
             static_cast<double>(subscriptions.subscribers()));
  page.counter("pubsub_messages_total", "Messages and events that came to this node.",
               subscriptions.counters().published);
  page.counter("pubsub_delivered_total", "Taken by its subscribers.",
               subscriptions.counters().delivered);
  const char* const dropped = "Messages dropped.";
  page.counter("pubsub_dropped_total", dropped, node.messages().counters().dropped,
               {{"before", "disk"}});
  if (MeshSide* const mesh = node.mesh()) {
    page.counter("pubsub_dropped_total", dropped, mesh->mesh().message_counters().dropped,
                 {{"before", "peer"}});
  }
}

void request_metrics(Node& node, Page& page) {
  const auto& requests = node.requests().counters();
  const auto& strong = node.sequencer().counters();
  const auto& eventual = node.replica().counters();
  const char* const help = "Requests by guarantee and kind.";
  page.counter("requests_total", help, requests.strong_reads,
               {{"guarantee", "strong"}, {"kind", "read"}});
  page.counter("requests_total", help, requests.strong_writes,
               {{"guarantee", "strong"}, {"kind", "write"}});
  page.counter("requests_total", help, requests.eventual_reads,
               {{"guarantee", "eventual"}, {"kind", "read"}});
  page.counter("requests_total", help, requests.eventual_writes,
               {{"guarantee", "eventual"}, {"kind", "write"}});
  page.counter("requests_replayed_total", "Retries answered without a second effect.",
               strong.replayed, {{"guarantee", "strong"}});
  page.counter("requests_replayed_total", "Retries answered without a second effect.",
               eventual.replayed, {{"guarantee", "eventual"}});
  page.counter("requests_timed_out_total", "Strong requests not done within their deadline.",
               strong.timeouts);
  page.counter("requests_refused_memory_total", "Writes refused at the memory limit.",
               requests.refused_memory);
  page.gauge("unstable_operations", "Of eventual keyspaces: what another node may lack.",
             static_cast<double>(eventual.unstable));
  page.gauge("unstable_disk_bytes", "Of what is kept of them: beyond --unstable-memory.",
             static_cast<double>(spilled_bytes()));
  page.gauge("waiting_bytes", "Received before what comes before it.",
             static_cast<double>(eventual.waiting_bytes));
  page.counter("ids_mismatched_total", "Ids used for two operations at two origins.",
               eventual.mismatched_ids);
  page.counter("log_entries_total", "Entries applied of the strong log.", strong.entries);
  page.gauge("log_position", "Last position.", static_cast<double>(node.machine().applied().value),
             {{"log", "strong"}});
  page.gauge("log_position", "Last position.", static_cast<double>(node.origin_log().last().value),
             {{"log", "origin"}});
}

void state_metrics(Node& node, Page& page) {
  page.gauge("memory_used_bytes", "Memory in use.", static_cast<double>(node.memory().used()));
  page.gauge("memory_limit_bytes", "Writes are refused above it.",
             static_cast<double>(node.memory().limit()));
  const auto& checkpoints = node.checkpointer().counters();
  page.counter("checkpoints_total", "Checkpoints.", checkpoints.completed,
               {{"result", "completed"}});
  page.counter("checkpoints_total", "Checkpoints.", checkpoints.failed, {{"result", "failed"}});
  page.gauge("checkpoint_last_seconds", "How long the last one took.",
             static_cast<double>(checkpoints.last_duration.count()) / 1'000);
  const auto each = [&](const char* name, const char* help, auto figure) {
    for (const Keyspace* keyspace : node.catalog().all()) {
      const KeyspaceState* state = node.keyspaces().find(keyspace->id);
      page.gauge(name, help, static_cast<double>(figure(*state)), {{"keyspace", keyspace->name}});
    }
  };
  each("keys", "Keys.", [](const KeyspaceState& s) { return s.table.size(); });
  each("keyspace_memory_bytes", "Memory of the values.",
       [](const KeyspaceState& s) { return s.table.memory_bytes(); });
  each("request_ids", "Request ids remembered.",
       [](const KeyspaceState& s) { return s.ids.size(); });
  each("request_ids_bytes", "What they take, in memory and on disk.",
       [](const KeyspaceState& s) { return s.ids.total_bytes(); });
}

void cluster_metrics(Node& node, Page& page) {
  if (const etcd::EtcdLog* log = node.etcd_log()) {
    const etcd::LogCounters counters = log->counters();
    const char* const appends = "Appends to the shared log, and what became of tries.";
    page.counter("etcd_appends_total", appends, counters.appends_sent, {{"what", "sent"}});
    page.counter("etcd_appends_total", appends, counters.appends_again, {{"what", "again"}});
    page.counter("etcd_appends_total", appends, counters.appends_overtaken,
                 {{"what", "overtaken"}});
    page.counter("etcd_appends_total", appends, counters.appends_given_up, {{"what", "given_up"}});
    const char* const watches = "Watches begun, and what they were caught at.";
    page.counter("etcd_watches_total", watches, counters.watches, {{"what", "begun"}});
    page.counter("etcd_watches_total", watches, counters.watch_gaps, {{"what", "gap"}});
    page.counter("etcd_watches_total", watches, counters.watch_silences, {{"what", "silence"}});
    page.counter("etcd_refetches_total", "The log read anew by ranges.", counters.refetches);
    page.counter("etcd_doubts_total", "Answers that said less than was delivered.",
                 counters.doubts);
  }
  MeshSide* mesh = node.mesh();
  if (mesh == nullptr) return;
  const auto peers = mesh->mesh().peers();
  const auto label = [](const mesh::Mesh::Peer& peer) {
    return Labels{{"peer", peer.node.empty() ? peer.address : peer.node}};
  };
  for (const auto& peer : peers) {
    page.gauge("mesh_connected", "1 when this node replicates to the other.",
               peer.connected ? 1 : 0, label(peer));
  }
  for (const auto& peer : peers) {
    page.gauge("mesh_entries_behind", "Entries of this node's log that the other has not merged.",
               static_cast<double>(peer.entries_behind), label(peer));
  }
  for (const auto& peer : peers) {
    page.counter("mesh_sent_bytes_total", "Bytes sent to the other.", peer.sent_bytes, label(peer));
  }
}

constexpr const char* text_type = "text/plain; charset=utf-8";

// It names keyspaces and services' figures; who is on this machine, or in a network that is
// trusted, has always seen it.
Status may_see_metrics(Node& node, const server::PageRequest& page) {
  const bool local = page.from.starts_with("127.") || page.from.starts_with("[::1]");
  if (local || node.options().trust_network || !node.requests().must_sign_in()) return {};
  if (page.caller.value == 0) return fail(Code::no_auth, "Authentication required.");
  return permissions::check_administers(node.keyspaces().services(), page.caller, "/metrics");
}

}  // namespace

server::HttpAnswer answer_page(Node& node, const server::PageRequest& page) {
  const std::string_view path = page.path;
  if (path == "/healthz") return {200, text_type, "ok\n", {}};
  if (path == "/readyz") {
    if (const auto why = node.not_ready()) return {503, text_type, *why + "\n", {}};
    std::string told = "ready\n";
    if (const etcd::EtcdLog* log = node.etcd_log()) {
      for (const std::string& warning : log->warnings()) told += "warning: " + warning + "\n";
    }
    return {200, text_type, told, {}};
  }
  if (path == "/metrics") {
    if (Status s = may_see_metrics(node, page); !s) return server::problem(s.error());
    Page figures;
    server_metrics(node, figures);
    workflow_metrics(node, figures);
    request_metrics(node, figures);
    message_metrics(node, figures);
    state_metrics(node, figures);
    cluster_metrics(node, figures);
    return {200, "text/plain; version=0.0.4; charset=utf-8", figures.text(), {}};
  }
  return server::not_found(path);
}

}  // namespace holdfast::node
