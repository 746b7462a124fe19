// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/hybrid_clock.h"
#include "eventual/open_state.h"
#include "eventual/origin_entry.h"
#include "eventual/replica.h"
#include "eventual/stability.h"
#include "eventual/waiting.h"

namespace holdfast::eventual {

/// The replica's parts: local operations (local_operations.cc), merging
/// (replica.cc), and what both stand on.
struct Replica::Impl {
  Impl(const CommandTable& commands_, Host& host_, Store& store_, Options options_)
      : commands(commands_),
        host(host_),
        store(store_),
        options(options_),
        stability(options_.self),
        open(host_, stability, merged),
        waiting(options_.waiting_bytes_max) {}

  // -- local_operations.cc
  class Sink;
  Executed execute(const Request& request, Reply& reply);
  /// True: answered from what is remembered, or refused.
  bool answer_remembered(const Request& request, State& state, const OperationHead& head,
                         Reply& reply, Executed& executed);
  void call_function(const Request& request, State& state, Sink& sink, EventualContext& context,
                     Reply& reply);
  void open_entry();

  // -- replica.cc
  void told_time(Instant now);
  Status check_clock(HybridTime time) const;
  State* state_of(KeyspaceId keyspace);
  Status receive(OriginId origin, std::string_view payload);
  void merge_entry(EntryReader reader, std::string_view payload);
  static constexpr std::size_t operations_ahead = 16;
  void expect(std::span<const EntryReader::Operation> operations);
  void merge_operation(const Try& one, std::string_view effects);
  bool merge_id(const Try& one, State& state, std::string_view effects);
  void merge_waiting();
  std::size_t expire_keys();

  const CommandTable& commands;
  Host& host;
  Store& store;
  Options options;

  VersionVector merged;
  HybridClock clock;
  Instant wall{};     // the latest told, if only before a restart
  bool told = false;  // since then
  Stability stability;
  OpenState open;
  Waiting waiting;
  EntryWriter entry;
  VersionVector entry_seen;      // of others, as the open entry says
  SharedVector entry_seen_kept;  // the same, once an operation keeps it
  std::uint64_t own_sequence = 0;
  std::uint64_t version = 0;       // the table's mark of the last change
  std::set<KeyspaceId> keyspaces;  // with anything in them, for tidy()
  KeyspaceId last_tidied, last_used;
  Counters counters;
};

}  // namespace holdfast::eventual
