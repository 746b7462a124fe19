// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "log/etcd/etcd_log.h"
#include "log/etcd/fake_etcd.h"

namespace holdfast::etcd::testing {

/// A node of a test: a log over an etcd in memory, and all that it was told.
class Node final : public LogFollower {
 public:
  struct Entry {
    std::uint64_t position;
    std::string payload;
    Log::Token token;
    bool operator==(const Entry&) const = default;
  };

  explicit Node(FakeEtcd& etcd, std::uint64_t seed = 1, Millis request_timeout = Millis(5'000))
      : client(etcd.connect()),
        log(make_etcd_log(
            client,
            {.cluster = "test", .request_timeout = request_timeout, .random = [seed]() mutable {
               seed = seed * 6364136223846793005U + 1442695040888963407U;
               return seed;
             }})) {}

  Status follow(Position after = {}, std::string_view place = {}) {
    return log->follow(after, place, *this);
  }
  void on_entry(const LogEntry& entry) override {
    entries.push_back({entry.position.value, std::string(entry.payload), entry.token});
    if (told) told(entry);
  }
  void on_append_failed(std::uint64_t token, const Error& error) override {
    failed[token] = error.code;
    if (told_failed) told_failed(token, error.code);
  }
  Status append(std::string payload, Log::Token token) {
    return log->append(std::move(payload), token, Durability::always);
  }
  std::vector<std::string> payloads() const {
    std::vector<std::string> all;
    for (const Entry& entry : entries) all.push_back(entry.payload);
    return all;
  }
  Position last() const { return {entries.empty() ? 0 : entries.back().position}; }
  LogHealth::State state() const { return log->health().state; }

  std::shared_ptr<FakeClient> client;
  std::unique_ptr<EtcdLog> log;
  std::vector<Entry> entries;
  std::map<Log::Token, Code> failed;
  std::function<void(const LogEntry&)> told;
  std::function<void(Log::Token, Code)> told_failed;
};

inline void run(FakeEtcd& etcd, const std::vector<Node*>& nodes, Millis time) {
  constexpr Millis turn{5};
  for (Millis ran{0}; ran < time; ran += turn) {
    etcd.advance(turn);
    for (Node* node : nodes) node->log->deliver();
  }
}

/// Nodes that follow from the beginning and are in touch with etcd.
inline std::vector<std::unique_ptr<Node>> start(FakeEtcd& etcd, std::size_t count) {
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<Node*> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back(nodes.emplace_back(std::make_unique<Node>(etcd, i + 1)).get());
    HF_ASSERT(all.back()->follow());
  }
  run(etcd, all, Millis(100));
  return nodes;
}

}  // namespace holdfast::etcd::testing
