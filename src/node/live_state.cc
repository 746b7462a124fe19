// SPDX-License-Identifier: Apache-2.0
#include "node/live_state.h"

#include <fmt/format.h>

#include <cmath>

#include "catalog/permissions.h"
#include "node/node.h"
#include "node/slow_rows.h"
#include "server/json_reply.h"

namespace holdfast::node {
namespace {

// Streams are told once a second, give or take; one that begins between is told the last figures.
constexpr Millis sample_interval{900};
// Rates over a longer time would be no picture of now.
constexpr Millis sample_kept{5'000};

/// Writes a JSON object field by field.
class Fields {
 public:
  Fields& raw(std::string_view name, std::string_view json) {
    fmt::format_to(std::back_inserter(out_), "{}\"{}\":{}", out_.size() == 1 ? "" : ",", name,
                   json);
    return *this;
  }
  Fields& number(std::string_view name, std::uint64_t value) {
    return raw(name, fmt::format_int(value).c_str());
  }
  Fields& text(std::string_view name, std::string_view value) {
    std::string json;
    server::append_json_string(json, value);
    return raw(name, json);
  }
  Fields& text_or_null(std::string_view name, std::string_view value) {
    return value.empty() ? raw(name, "null") : text(name, value);
  }
  Fields& flag(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  std::string take() { return std::move(out_) + "}"; }

 private:
  std::string out_ = "{";
};

/// Writes a JSON array element by element.
class Elements {
 public:
  void add(std::string_view json) {
    if (out_.size() > 1) out_ += ',';
    out_ += json;
  }
  std::string take() { return std::move(out_) + "]"; }

 private:
  std::string out_ = "[";
};

std::uint64_t us(std::chrono::microseconds duration) {
  return static_cast<std::uint64_t>(duration.count());
}

std::uint64_t a_second(std::uint64_t count, double seconds) {
  return static_cast<std::uint64_t>(std::llround(static_cast<double>(count) / seconds));
}

/// "etcd://…": "etcd".
std::string_view engine_name(std::string_view engine) {
  return engine.substr(0, engine.find(':'));
}

}  // namespace

LiveState::Sample LiveState::take() const {
  Sample sample;
  sample.at = node_.requests().monotonic();
  const auto add = [&](server::Front& front) {
    const auto counters = front.counters();
    sample.commands += counters.commands;
    sample.refused += counters.refused;
    sample.latencies += front.latencies();
  };
  add(node_.front());
  if (server::Front* const http = node_.fronts().http()) add(*http);
  sample.appends = node_.sequencer().append_latencies();
  for (const KeyspaceState* state : node_.keyspaces().all()) {
    if (state->commands > 0) sample.keyspaces[state->id.value] = state->commands;
  }
  return sample;
}

void LiveState::refresh() {
  const Monotonic now = node_.requests().monotonic();
  if (last_ && now - last_->at < sample_interval) return;
  Sample sample = take();
  rates_.reset();
  if (last_ && now - last_->at <= sample_kept) {
    rates_.emplace(Rates{.seconds = std::chrono::duration<double>(now - last_->at).count(),
                         .commands = sample.commands - last_->commands,
                         .refused = sample.refused - last_->refused,
                         .latencies = sample.latencies.since(last_->latencies),
                         .appends = sample.appends.since(last_->appends),
                         .keyspaces = {}});
    for (const auto& [id, commands] : sample.keyspaces) {
      const auto before = last_->keyspaces.find(id);
      const std::uint64_t had = before == last_->keyspaces.end() ? 0 : before->second;
      if (commands > had) rates_->keyspaces[id] = commands - had;
    }
  }
  last_ = std::move(sample);
  runs_.clear();
  if (node_.workflows() == nullptr) return;
  for (const auto& [name, current] : node_.keyspaces().workflows().current()) {
    Runs& runs = runs_[name.service.value];
    if (current.state == workflow::RunState::running) ++runs.running;
    if (current.state == workflow::RunState::undoing) ++runs.undoing;
    if (current.state == workflow::RunState::stuck) ++runs.stuck;
  }
}

std::string LiveState::json(ServiceId caller) {
  refresh();
  std::size_t left_out = 0;
  const std::string keyspaces = keyspaces_json(caller, left_out);
  Fields all;
  all.number("at-ms", static_cast<std::uint64_t>(to_ms(node_.now())))
      .raw("caller", caller_json(caller))
      .raw("node", shown(caller, {"NODE", "INFO"}))
      .raw("nodes", shown(caller, {"NODE", "LIST"}))
      .raw("links", links_json())
      .raw("engine", engine_json())
      .raw("load", load_json());
  if (rates_) all.raw("latency", latency_json());
  all.raw("keyspaces", keyspaces);
  if (left_out > 0) all.number("keyspaces-more", left_out);
  if (node_.workflows() != nullptr) all.raw("runs", runs_json(caller));
  all.raw("slow", slow_json(caller)).raw("calls", calls_json(caller));
  return all.take();
}

std::string LiveState::shown(ServiceId caller,
                             std::initializer_list<std::string_view> words) const {
  const std::vector<std::string_view> args(words);
  const Row* const row = node_.commands().find(args[0], args[1]);
  std::string text;
  Reply reply(text);
  CatalogContext context = node_.requests().catalog_for(caller);
  row->catalog(context, args, reply);
  std::string json;
  server::append_json(json, text, {}, {.resp2 = false});
  return json;
}

std::string LiveState::caller_json(ServiceId caller) const {
  return Fields()
      .text_or_null("service", node_.name_of(caller))
      .flag("admin", permissions::may_administer(node_.keyspaces().services(), caller))
      .take();
}

std::string LiveState::links_json() const {
  Elements links;
  if (node_.mesh() == nullptr) return links.take();
  const auto behind = node_.behind();
  for (const auto& peer : node_.mesh()->mesh().peers()) {
    Fields link;
    link.text_or_null("node", peer.node)
        .text("address", peer.address)
        .flag("connected", peer.connected);
    if (!peer.connected && !peer.trouble.empty()) link.text("trouble", peer.trouble);
    for (const NodeFacts::Behind& one : behind) {
      if (one.node == peer.node && one.by)
        link.number("behind-ms", static_cast<std::uint64_t>(one.by->count()));
    }
    link.number("unsent-entries", peer.entries_behind).number("sent-bytes", peer.sent_bytes);
    links.add(link.take());
  }
  return links.take();
}

std::string LiveState::engine_json() const {
  Fields engine;
  if (!node_.has_strong()) return engine.text("name", "none").take();
  engine.text("name", engine_name(node_.options().engine))
      .flag("reachable", node_.sequencer().writable().has_value())
      .number("position", node_.machine().applied().value);
  if (rates_ && rates_->appends.count() > 0) {
    engine.number("append-p50-us", us(rates_->appends.quantile(0.5)))
        .number("append-p99-us", us(rates_->appends.quantile(0.99)));
  }
  return engine.take();
}

std::string LiveState::load_json() const {
  Fields load;
  if (rates_) {
    load.number("commands-a-second", a_second(rates_->commands, rates_->seconds))
        .number("refused-a-second", a_second(rates_->refused, rates_->seconds));
  }
  load.number("requests", last_->commands)
      .number("connections", node_.front().counters().connections);
  if (server::Front* const http = node_.fronts().http())
    load.number("http-connections", http->counters().connections);
  return load.number("memory-bytes", node_.memory().used())
      .number("memory-limit-bytes", node_.memory().limit())
      .take();
}

std::string LiveState::latency_json() const {
  const Latencies& took = rates_->latencies;
  Fields latency;
  latency.number("count", took.count());
  if (took.count() == 0) return latency.take();
  return latency.number("p50-us", us(took.quantile(0.5)))
      .number("p95-us", us(took.quantile(0.95)))
      .number("p99-us", us(took.quantile(0.99)))
      .number("max-us", us(took.quantile(1)))
      .take();
}

std::string LiveState::keyspaces_json(ServiceId caller, std::size_t& left_out) const {
  Elements all;
  std::size_t told = 0;
  for (const Keyspace* keyspace : node_.catalog().all()) {
    if (!permissions::may_see(node_.keyspaces().services(), *keyspace, caller)) continue;
    if (told == limits::state_keyspaces_max) {
      ++left_out;
      continue;
    }
    ++told;
    std::string json = shown(caller, {"KEYSPACE", "INFO", keyspace->name});
    if (rates_ && json.ends_with('}')) {
      const auto found = rates_->keyspaces.find(keyspace->id.value);
      const std::uint64_t commands = found == rates_->keyspaces.end() ? 0 : found->second;
      json.pop_back();
      json += fmt::format(",\"commands-a-second\":{}}}", a_second(commands, rates_->seconds));
    }
    all.add(json);
  }
  return all.take();
}

// Runs are their service's own; who administers sees how many there are.
std::string LiveState::runs_json(ServiceId caller) const {
  const bool every = permissions::may_administer(node_.keyspaces().services(), caller);
  Runs sum;
  for (const auto& [service, runs] : runs_) {
    if (!every && service != caller.value) continue;
    sum.running += runs.running;
    sum.undoing += runs.undoing;
    sum.stuck += runs.stuck;
  }
  return Fields()
      .number("running", sum.running)
      .number("undoing", sum.undoing)
      .number("stuck", sum.stuck)
      .take();
}

std::string LiveState::slow_json(ServiceId caller) const {
  std::uint64_t count = 0;
  std::uint64_t last_id = 0;
  for (const SlowLog::Entry& entry : node_.watch().slow().entries()) {
    if (!shown_to(node_, caller, entry)) continue;
    ++count;
    last_id = std::max(last_id, entry.id);
  }
  return Fields().number("count", count).number("last-id", last_id).take();
}

// One's own calls, and those to what one owns.
std::string LiveState::calls_json(ServiceId caller) const {
  Elements all;
  const bool every = permissions::may_administer(node_.keyspaces().services(), caller);
  for (const auto& [name, counts] : node_.watch().calls().all()) {
    const Keyspace* const keyspace =
        node_.catalog().find(function::parse_name(name.second).keyspace);
    const bool owns = keyspace != nullptr && node_.keyspaces().may_use(*keyspace, caller);
    if (!every && !owns && name.first != caller) continue;
    all.add(Fields()
                .text_or_null("caller", node_.name_of(name.first))
                .text("function", name.second)
                .number("calls", counts.calls)
                .number("refused", counts.refused)
                .number("failed", counts.failed)
                .take());
  }
  return all.take();
}

}  // namespace holdfast::node
