// SPDX-License-Identifier: Apache-2.0
#include "node/settings.h"

#include <absl/strings/ascii.h>
#include <fmt/format.h>

#include "command/glob.h"

namespace holdfast::node {

// Redis' parameters that clients, tools and test suites read or set, with
// Redis 7.0's defaults where those are true here, else with what is.
Settings::Settings()
    : redis_{{"activedefrag", "no"},
             {"appendfsync", "everysec"},
             {"appendonly", "yes"},
             {"bind", "127.0.0.1"},
             {"databases", "1"},
             {"hash-max-listpack-entries", "512"},
             {"hash-max-listpack-value", "64"},
             {"hz", "10"},
             {"latency-monitor-threshold", "0"},
             {"lazyfree-lazy-user-del", "no"},
             {"list-max-listpack-size", "-2"},
             {"lua-time-limit", "5000"},
             {"maxmemory-policy", "noeviction"},
             {"maxmemory-samples", "5"},
             {"proto-max-bulk-len", "536870912"},
             {"repl-diskless-sync", "yes"},
             {"save", ""},
             {"set-max-intset-entries", "512"},
             {"tcp-keepalive", "300"},
             {"zset-max-listpack-entries", "128"},
             {"zset-max-listpack-value", "64"}} {}

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
