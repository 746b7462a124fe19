// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "table/table.h"
#include "workflow/definition.h"
#include "workflow/progress.h"
#include "workflow/run.h"

namespace holdfast::workflow {

/// Two keyspaces that no client can name (docs/formats/workflow-runs.md): what goes on, and what
/// has ended and is remembered for a while.
inline constexpr KeyspaceId current_keyspace{limits::keyspaces_max};
inline constexpr KeyspaceId ended_keyspace{limits::keyspaces_max + 1};

/// Which run: its id is one among those of the service that started it.
struct RunName {
  ServiceId service;
  std::string id;
  auto operator<=>(const RunName&) const = default;
};

/// Calls functions where the log is applied.
class Functions {
 public:
  virtual ~Functions() = default;
  /// Calls it for the service under the request id, once for all time; what it came to. Nothing:
  /// its keyspace is not the log's.
  virtual std::optional<Outcome> call(ServiceId service, const FunctionRequest& request,
                                      std::string_view request_id) = 0;
};

/// When something of an operation happens: the entry's time and its position's seed.
struct Moment {
  Instant now;
  std::uint64_t seed = 0;
};

/// The definitions and runs of all services, over their two tables. Every change is an operation of
/// the log, and the same on every node. One thread.
class Engine {
 public:
  Engine(Table& current, Table& ended);

  /// Once the tables are loaded.
  Status load();

  /// The definition's version: the last one's where that says the same. kErr: it is none.
  Result<std::uint32_t> define(ServiceId service, std::string_view json);
  struct Defined {
    std::string name;
    std::uint32_t version = 0;
    std::string json;
  };
  /// By name, the last version of each.
  std::vector<Defined> definitions(ServiceId service) const;
  /// Version 0: the last.
  std::optional<Defined> definition(ServiceId service, std::string_view name,
                                    std::uint32_t version) const;

  struct Start {
    std::string_view id, workflow, input;  // input: JSON
    std::uint32_t version = 0;             // 0: the last
  };
  /// The run as it is then: begun now, or before with the same input. kIdReused: before, with
  /// another one. Calls what is of the log, up to limits::workflow_calls_per_operation_max.
  Result<Run> start(ServiceId service, const Start& start, Moment at, Functions& functions);
  /// What else happens to a run. kErr: there is no such run, or not in that state.
  Result<Run> cancel(const RunName& name, Moment at, Functions& functions);
  Result<Run> retry(const RunName& name, Moment at, Functions& functions);
  Result<Run> signal(const RunName& name, std::string_view signal, std::string_view payload,
                     Moment at, Functions& functions);
  /// A driver's word on an attempt of its own. True: it said something new.
  bool report(const RunName& name, const AttemptName& attempt, const Outcome& outcome, Moment at,
              Functions& functions);
  /// What has come due by time, and calls that were left. True: something had.
  bool go_on(const RunName& name, Moment at, Functions& functions);

  std::optional<Run> find(const RunName& name, Instant now);
  /// The definition that a run began with; nothing: no such run.
  const Definition& definition_of(const Run& run);

  /// What has not ended for good: under way, or stuck.
  struct Current {
    RunState state = RunState::running;
    std::optional<Instant> next;  // see next_of()
  };
  const std::map<RunName, Current>& current() const { return index_; }
  /// Runs that have ended, some at a time, as a table's scan.
  std::uint64_t scan_ended(std::uint64_t cursor, std::size_t count, Instant now,
                           const std::function<void(const Run&)>& visit);
  /// Hears of every run that has changed and not ended for good.
  void set_on_changed(std::function<void(const RunName&, const Current&)> heard) {
    on_changed_ = std::move(heard);
  }

  struct Counters {
    std::uint64_t started = 0, done = 0, undone = 0, cancelled = 0, stuck = 0, attempts = 0;
  };
  const Counters& counters() const { return counters_; }  // since this node's start

 private:
  template <typename Change>
  Result<Run> change(const RunName& name, Moment at, Functions& functions, Change what);
  void call_what_is_due(const Definition& definition, const Run& run, Progress& progress,
                        Functions& functions);
  void keep(const Definition& definition, const Run& run, Instant now);
  void count_end(RunState state);
  std::uint32_t last_version(ServiceId service, std::string_view name) const;
  const Definition* parsed(ServiceId service, std::string_view name, std::uint32_t version);

  Table& current_;
  Table& ended_;
  std::map<RunName, Current> index_;
  std::map<std::pair<ServiceId, std::string>, std::uint32_t, std::less<>> versions_;  // the last
  std::map<std::string, std::unique_ptr<const Definition>, std::less<>> parsed_;  // by their keys
  std::function<void(const RunName&, const Current&)> on_changed_;
  Counters counters_;
};

}  // namespace holdfast::workflow
