// SPDX-License-Identifier: Apache-2.0
#include "node/settings.h"

#include <absl/strings/ascii.h>
#include <fmt/format.h>

#include "command/glob.h"

namespace holdfast::node {

// Redis' parameters that clients, tools and test suites read or set, with
// Redis 7.0's defaults where those are true here, else with what is.
Settings::Settings()
    : redis_{{"acl-pubsub-default", "resetchannels"},
             {"aclfile", ""},
             {"acllog-max-len", "128"},
             {"active-expire-effort", "1"},
             {"activedefrag", "no"},
             {"activerehashing", "yes"},
             {"always-show-logo", "no"},
             {"aof-load-truncated", "yes"},
             {"aof-rewrite-incremental-fsync", "yes"},
             {"aof-timestamp-enabled", "no"},
             {"aof-use-rdb-preamble", "yes"},
             {"appenddirname", "appendonlydir"},
             {"appendfilename", "appendonly.aof"},
             {"appendfsync", "everysec"},
             {"appendonly", "yes"},
             {"auto-aof-rewrite-min-size", "67108864"},
             {"auto-aof-rewrite-percentage", "100"},
             {"bind", "127.0.0.1"},
             {"busy-reply-threshold", "5000"},
             {"client-output-buffer-limit", "normal 0 0 0 slave 0 0 0 pubsub 0 0 0"},
             {"client-query-buffer-limit", "1073741824"},
             {"cluster-enabled", "no"},
             {"crash-log-enabled", "no"},
             {"daemonize", "no"},
             {"databases", "1"},
             {"dbfilename", "dump.rdb"},
             {"disable-thp", "no"},
             {"dynamic-hz", "no"},
             {"enable-module-command", "no"},
             {"enable-protected-configs", "no"},
             {"hash-max-listpack-entries", "512"},
             {"hash-max-listpack-value", "64"},
             {"hash-max-ziplist-entries", "512"},
             {"hash-max-ziplist-value", "64"},
             {"hll-sparse-max-bytes", "3000"},
             {"hz", "10"},
             {"io-threads", "1"},
             {"io-threads-do-reads", "no"},
             {"jemalloc-bg-thread", "yes"},
             {"latency-tracking", "yes"},
             {"latency-tracking-info-percentiles", "50 99 99.9"},
             {"lazyfree-lazy-eviction", "no"},
             {"lazyfree-lazy-expire", "no"},
             {"lazyfree-lazy-server-del", "no"},
             {"lazyfree-lazy-user-del", "no"},
             {"lazyfree-lazy-user-flush", "no"},
             {"lfu-decay-time", "1"},
             {"lfu-log-factor", "10"},
             {"list-compress-depth", "0"},
             {"list-max-listpack-size", "-2"},
             {"list-max-ziplist-size", "-2"},
             {"logfile", ""},
             {"lua-time-limit", "5000"},
             {"masterauth", ""},
             {"masteruser", ""},
             {"maxmemory-clients", "0"},
             {"maxmemory-eviction-tenacity", "10"},
             {"maxmemory-policy", "noeviction"},
             {"maxmemory-samples", "5"},
             {"min-replicas-max-lag", "10"},
             {"min-replicas-to-write", "0"},
             {"no-appendfsync-on-rewrite", "no"},
             {"oom-score-adj", "no"},
             {"pidfile", ""},
             {"protected-mode", "yes"},
             {"proto-max-bulk-len", "536870912"},
             {"rdbchecksum", "yes"},
             {"rdbcompression", "no"},
             {"repl-backlog-size", "1048576"},
             {"repl-backlog-ttl", "3600"},
             {"repl-diskless-load", "disabled"},
             {"repl-diskless-sync", "yes"},
             {"repl-ping-replica-period", "10"},
             {"repl-timeout", "60"},
             {"replica-priority", "100"},
             {"replica-read-only", "yes"},
             {"replica-serve-stale-data", "yes"},
             {"replicaof", ""},
             {"requirepass", ""},
             {"sanitize-dump-payload", "yes"},
             {"save", ""},
             {"set-max-intset-entries", "512"},
             {"set-proc-title", "yes"},
             {"slave-read-only", "yes"},
             {"slaveof", ""},
             {"stop-writes-on-bgsave-error", "yes"},
             {"stream-node-max-bytes", "4096"},
             {"stream-node-max-entries", "100"},
             {"supervised", "no"},
             {"syslog-enabled", "no"},
             {"tcp-backlog", "511"},
             {"tcp-keepalive", "300"},
             {"tls-port", "0"},
             {"tracking-table-max-keys", "1000000"},
             {"unixsocket", ""},
             {"unixsocketperm", "0"},
             {"zset-max-listpack-entries", "128"},
             {"zset-max-listpack-value", "64"},
             {"zset-max-ziplist-entries", "128"},
             {"zset-max-ziplist-value", "64"}} {}

void Settings::add(std::string name, Get get, Set set) {
  redis_.erase(name);
  ours_.insert_or_assign(std::move(name), Setting{std::move(get), std::move(set)});
}

std::vector<std::pair<std::string, std::string>> Settings::get(
    const std::vector<std::string_view>& patterns) const {
  std::map<std::string, std::string> found;
  for (const std::string_view pattern : patterns) {
    const std::string lower = absl::AsciiStrToLower({pattern.data(), pattern.size()});
    for (const auto& [name, setting] : ours_) {
      if (command::glob_match(lower, name)) found.emplace(name, setting.get());
    }
    for (const auto& [name, value] : redis_) {
      if (command::glob_match(lower, name)) found.emplace(name, value);
    }
  }
  return {found.begin(), found.end()};
}

Status Settings::set_one(std::string_view name, std::string_view value) {
  const std::string lower = absl::AsciiStrToLower({name.data(), name.size()});
  if (const auto ours = ours_.find(lower); ours != ours_.end()) {
    if (!ours->second.set) {
      return fail(Code::err, fmt::format("CONFIG SET failed (possibly related to argument '{}') - "
                                         "can't set immutable config",
                                         name));
    }
    Status set = ours->second.set(value);
    if (set) return set;
    return fail(Code::err, fmt::format("CONFIG SET failed (possibly related to argument '{}') - {}",
                                       name, set.error().message));
  }
  if (const auto redis = redis_.find(lower); redis != redis_.end()) {
    redis->second = value;
    return {};
  }
  return fail(Code::err,
              fmt::format("Unknown option or number of arguments for CONFIG SET - '{}'", name));
}

Status Settings::set(const std::vector<std::pair<std::string_view, std::string_view>>& changes) {
  std::vector<std::pair<std::string, std::string>> before;
  for (const auto& [name, value] : changes) {
    const auto old = get({name});
    if (Status s = set_one(name, value); !s) {
      for (auto it = before.rbegin(); it != before.rend(); ++it) set_one(it->first, it->second);
      return s;
    }
    before.insert(before.end(), old.begin(), old.end());
  }
  return {};
}

}  // namespace holdfast::node
