// SPDX-License-Identifier: Apache-2.0
#include "node/workflow_driver.h"

#include <algorithm>

#include "base/limits.h"
#include "function/functions.h"
#include "workflow/progress.h"
#include "workflow/results.h"
#include "workflow/rows.h"

namespace holdfast::node {
namespace {

using workflow::AttemptName;
using workflow::Ending;
using workflow::Outcome;
using workflow::RunName;

constexpr Millis others_interval{500};  // between looks at a run that another node drives
constexpr Millis again_interval{200};   // until what the log did not take is given to it again
constexpr Millis in_flight_interval{1'000};
constexpr std::size_t looks_per_turn = 1'024;

// Only the log's own calls are known to have had no effect: of an attempt here another driver, dead
// by now, may have made a copy.
Outcome as_seen_from_here(Outcome outcome) {
  if (outcome.ending == Ending::unavailable) outcome.ending = Ending::unknown;
  return outcome;
}

}  // namespace

WorkflowDriver::WorkflowDriver(workflow::Engine& engine, World& world)
    : engine_(engine), world_(world) {
  for (const auto& [name, current] : engine_.current()) changed_.insert(name);
}

std::optional<Instant> WorkflowDriver::wanted_at() const {
  if (!changed_.empty()) return now_;
  return looks_.empty() ? std::nullopt : std::optional(looks_.begin()->first);
}

void WorkflowDriver::turn(Instant now) {
  now_ = now;
  for (std::size_t left = looks_per_turn; left > 0 && !changed_.empty(); --left)
    look(changed_.extract(changed_.begin()).value());
  for (std::size_t left = looks_per_turn; left > 0 && !looks_.empty(); --left) {
    const auto [at, name] = *looks_.begin();
    if (at > now_) return;
    look(name);
  }
}

void WorkflowDriver::look_again(const RunName& name, Instant at) {
  const auto known = look_at_.find(name);
  if (known != look_at_.end()) looks_.erase({known->second, name});
  look_at_[name] = at;
  looks_.emplace(at, name);
}

void WorkflowDriver::look(const RunName& name) {
  if (const auto known = look_at_.find(name); known != look_at_.end()) {
    looks_.erase({known->second, name});
    look_at_.erase(known);
  }
  const auto current = engine_.current().find(name);
  if (current == engine_.current().end() || workflow::has_ended(current->second.state))
    return forget_all_but(name, {});
  const auto next = current->second.next;
  if (!next || *next > now_) {
    forget_all_but(name, {});
    if (next) look_again(name, *next);  // or it waits for a signal
    return;
  }
  if (!world_.is_mine(name)) return look_again(name, now_ + others_interval);
  auto run = engine_.find(name, now_);
  if (!run) return;
  const workflow::Definition& definition = engine_.definition_of(*run);
  workflow::Progress progress(definition, *run, now_, 0);
  bool log_goes_on = false;
  const std::vector<AttemptName> due = progress.due();
  forget_all_but(name, due);
  for (const AttemptName& attempt : due) {
    const workflow::Call& call = progress.call_of(attempt);
    const auto* const function = std::get_if<workflow::FunctionCall>(&call.what);
    const bool here = function == nullptr ||
                      world_.is_eventual(function::parse_name(function->function).keyspace);
    if (here) {
      make(*run, definition, attempt, call);
    } else {
      log_goes_on = true;
    }
  }
  if (log_goes_on || progress.pass_time()) go_on(name);
  look_again(name, now_ + in_flight_interval);
}

// What the log did not take when it was reported is of no use once the run does not wait for it: it
// was taken though nobody said so, or another driver's was.
void WorkflowDriver::forget_all_but(const RunName& name, std::span<const AttemptName> due) {
  auto at = attempts_.lower_bound({.run = name});
  while (at != attempts_.end() && at->first.run == name) {
    const bool is_due = std::find(due.begin(), due.end(), name_of(at->first)) != due.end();
    const bool under_way = !at->second.outcome || at->second.reporting;
    at = is_due || under_way ? std::next(at) : attempts_.erase(at);
  }
}

void WorkflowDriver::make(const workflow::Run& run, const workflow::Definition& definition,
                          const AttemptName& attempt, const workflow::Call& call) {
  const RunName name{run.service, run.id};
  const AttemptKey key{.run = name,
                       .step = attempt.step,
                       .undo = attempt.undo,
                       .round = attempt.round,
                       .number = attempt.number};
  if (const auto known = attempts_.find(key); known != attempts_.end()) {
    if (known->second.outcome && !known->second.reporting) report(key, known->second);
    return;
  }
  // The others come when these have ended: their reports change the run.
  if (attempts_.size() >= limits::workflow_attempts_in_flight_max) return;
  const auto request = workflow::request_of(definition, run, attempt);
  if (!request) return;  // the log has looked before it said that it is due
  attempts_.emplace(key, Attempt{});
  const std::string id =
      workflow::request_id_of(run, definition.steps[attempt.step], attempt.undo, attempt.round);
  if (const auto* const http = std::get_if<workflow::OutgoingHttp>(&*request)) {
    world_.send(*http, id, call.timeout,
                [this, key](Outcome outcome) { ended(key, std::move(outcome)); });
  } else {
    world_.call(run.service, id, std::get<workflow::FunctionRequest>(*request),
                [this, key](std::string_view reply) {
                  ended(key, as_seen_from_here(workflow::outcome_of_reply(reply)));
                });
  }
}

AttemptName WorkflowDriver::name_of(const AttemptKey& key) {
  return {.step = key.step, .undo = key.undo, .round = key.round, .number = key.number};
}

void WorkflowDriver::ended(const AttemptKey& key, Outcome outcome) {
  Attempt& attempt = attempts_[key];
  attempt.outcome = std::move(outcome);
  report(key, attempt);
}

void WorkflowDriver::report(const AttemptKey& key, Attempt& attempt) {
  attempt.reporting = true;
  world_.append(workflow::report_row(),
                workflow::report_command(key.run, name_of(key), *attempt.outcome),
                [this, key](std::string_view reply) {
                  if (!reply.starts_with('-')) {
                    attempts_.erase(key);
                    return;
                  }
                  // It may have been taken nevertheless: then this one says nothing new.
                  attempts_[key].reporting = false;
                  look_again(key.run, now_ + again_interval);
                });
}

void WorkflowDriver::go_on(const RunName& name) {
  if (!going_on_.insert(name).second) return;
  world_.append(workflow::go_on_row(), workflow::go_on_command(name),
                [this, name](std::string_view reply) {
                  going_on_.erase(name);
                  if (reply.starts_with('-')) look_again(name, now_ + again_interval);
                });
}

}  // namespace holdfast::node
