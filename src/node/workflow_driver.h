// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "command/row.h"
#include "workflow/engine.h"

namespace holdfast::node {

/// Drives runs of workflows: makes the attempts that the log does not make itself, reports what
/// they came to, and says when time has passed. Every node has one; each run is driven by the node
/// whose turn it is among those that live (World::is_mine). That two think so does no harm:
/// attempts carry one request id, and of two reports the log takes the first. What a driver knows
/// is in the log: when it dies, another goes on from there.
///
/// Decides only; what it asks for is World's. One thread.
class WorkflowDriver {
 public:
  class World {
   public:
    virtual ~World() = default;
    using Answer = std::function<void(std::string_view reply)>;
    /// Puts one of workflow::rows() into the log. `done`: later, once.
    virtual void append(const Row& row, const std::vector<std::string>& args, Answer done) = 0;
    /// Calls a function of an eventual keyspace, as the service's ONCE <id> FCALL. Likewise.
    virtual void call(ServiceId service, const std::string& request_id,
                      const workflow::FunctionRequest& request, Answer done) = 0;
    /// Sends an HTTP request with the Idempotency-Key. Likewise; in any case within the time.
    virtual void send(const workflow::OutgoingHttp& request, const std::string& request_id,
                      Millis timeout, std::function<void(workflow::Outcome)> done) = 0;
    virtual bool is_eventual(std::string_view keyspace) = 0;
    virtual bool is_mine(const workflow::RunName& run) = 0;
  };

  WorkflowDriver(workflow::Engine& engine, World& world);

  /// The run is another than it was: it is looked at in the next turn.
  void on_changed(const workflow::RunName& run) { changed_.insert(run); }
  /// Looks at what has changed and at what is due.
  void turn(Instant now);
  /// When turn() wants to be called again, though nothing else happens.
  std::optional<Instant> wanted_at() const;
  /// Attempts under way.
  std::size_t in_flight() const { return attempts_.size(); }

 private:
  struct AttemptKey {
    workflow::RunName run;
    std::size_t step = 0;
    bool undo = false;
    std::uint32_t round = 0;
    std::uint32_t number = 0;
    auto operator<=>(const AttemptKey&) const = default;
  };
  struct Attempt {
    std::optional<workflow::Outcome> outcome;  // it has ended
    bool reporting = false;
  };

  static workflow::AttemptName name_of(const AttemptKey& key);
  void look(const workflow::RunName& name);
  void look_again(const workflow::RunName& name, Instant at);
  void forget_all_but(const workflow::RunName& name, std::span<const workflow::AttemptName> due);
  void make(const workflow::Run& run, const workflow::Definition& definition,
            const workflow::Progress& progress, const workflow::AttemptName& attempt);
  void ended(const AttemptKey& key, workflow::Outcome outcome);
  void report(const AttemptKey& key, Attempt& attempt);
  void go_on(const workflow::RunName& name);

  workflow::Engine& engine_;
  World& world_;
  Instant now_{};
  std::set<workflow::RunName> changed_;
  std::set<std::pair<Instant, workflow::RunName>> looks_;  // each run once
  std::map<workflow::RunName, Instant> look_at_;
  std::map<AttemptKey, Attempt> attempts_;
  std::set<workflow::RunName> going_on_;
};

}  // namespace holdfast::node
