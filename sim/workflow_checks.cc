// SPDX-License-Identifier: Apache-2.0
// What must hold of workflows' runs when everything is mended: each has ended, or waits for a
// signal; each effect is there once, or undone once, and what is not is what the run is stuck at.
#include <fmt/format.h>

#include <algorithm>

#include "sim/world.h"
#include "workflow/json.h"

namespace holdfast::sim {
namespace {

using workflow::RunState;
using workflow::StepState;

bool is_strong(const std::string& place) {
  return place == "s" || place == "w";
}
// Of what lies in a keyspace that is dropped and made again nobody knows how much is left.
bool is_counted(const std::string& place) {
  return !place.starts_with("x");
}

/// One run, as the nodes know it, beside what was asked for.
struct Subject {
  const std::string& id;
  const workflow::Run& run;
  const Workflow& workflow;
  workflow::Json input;
  const Workflows::Run& told;

  std::string fate(std::size_t step) const {
    return input["fates"].value(fmt::format("s{}", step), "ok");
  }
  std::string fate_of_undo(std::size_t step) const {
    return input["fates"].value(fmt::format("u{}", step), "ok");
  }
  bool is_skipped(std::size_t step) const {
    return workflow.steps[step].conditional && input["x"] != 1;
  }
};

/// How often a step took effect, and was undone.
struct Effects {
  Times done, undone;
};

// What one step's state says of its effects. Where nobody knew whether it happened, in an eventual
// keyspace or over HTTP, it is undone though it may not have.
bool agree(const Workflow::Step& planned, const workflow::StepRun& step, const Effects& effects) {
  const bool certain = is_strong(planned.place);
  const bool done_for_all_we_know = certain ? effects.done.are(1) : effects.done.seen <= 1;
  switch (step.state) {
    case StepState::waiting:
    case StepState::skipped:
    case StepState::refused:
      return effects.done.seen == 0 && effects.undone.seen == 0;
    case StepState::done:
      return effects.done.are(1) && effects.undone.seen == 0;
    case StepState::unsettled:
      return !certain && planned.undo_place.empty() && done_for_all_we_know &&
             effects.undone.seen == 0;
    case StepState::undone:
      return done_for_all_we_know && effects.undone.are(1);
    case StepState::stuck: {
      const bool refused = step.attempts.back().ending == workflow::Ending::refused;
      const bool may_be_undone = !refused && !is_strong(planned.undo_place);
      return done_for_all_we_know && effects.undone.seen <= (may_be_undone ? 1U : 0U);
    }
    case StepState::trying:
    case StepState::undoing:
      return false;
  }
  return false;
}

// Why the run may have ended otherwise than done.
bool may_fail(const Subject& subject) {
  if (subject.workflow.has_deadline || subject.told.cancel_sent) return true;
  for (std::size_t i = 0; i < subject.workflow.steps.size(); ++i) {
    const Workflow::Step& step = subject.workflow.steps[i];
    if (subject.is_skipped(i)) continue;
    if (step.may_time_out || (!step.place.empty() && !is_strong(step.place))) return true;
    if (is_strong(step.place) && subject.fate(i) != "ok") return true;
  }
  return false;
}

std::string check_state(const Subject& subject) {
  const auto& [id, run, workflow, input, told] = subject;
  const std::string state(text_of(run.state));
  for (const std::string& ended : told.ended_as) {
    if (ended != state) return fmt::format("was said to be {} and is {}", ended, state);
  }
  if (told.begun_as && ((*told.begun_as)[0] != run.workflow || (*told.begun_as)[1] != run.input))
    return "was said to be begun with another input";
  if (told.cancel_taken && run.state != RunState::undone && run.state != RunState::cancelled &&
      run.state != RunState::stuck)
    return "was cancelled and is " + state;
  if (run.state == RunState::cancelled && !told.cancel_sent) return "was never cancelled";
  const bool undone = run.state == RunState::undone || run.state == RunState::stuck ||
                      run.state == RunState::undoing;
  if (undone && !may_fail(subject))
    return fmt::format("is {} without a reason: {}", state, run.why);
  if (run.why.starts_with("DEADLINE") && !workflow.has_deadline) return "has no deadline";
  if (run.state != RunState::done) return {};
  for (std::size_t i = 0; i < workflow.steps.size(); ++i) {
    if (!workflow.steps[i].place.empty() && !subject.is_skipped(i) && subject.fate(i) != "ok")
      return fmt::format("is done though s{} is refused", i);
  }
  return {};
}

// Its undo is refused, or was not answered as often as it was tried: that no more, when all was
// mended and tried again. The gates are open then.
bool may_be_stuck(const Subject& subject, std::size_t step, const Plan& plan) {
  const std::string& place = subject.workflow.steps[step].undo_place;
  const std::string fate = subject.fate_of_undo(step);
  if (fate == "refuse") return true;
  const bool is_eventual = place == "e" || place == "f";
  if (plan.stuck_runs_are_retried) return is_eventual && (fate == "gate" || plan.memory_is_short());
  return fate == "gate" || !is_strong(place);
}

std::string check_step(const Subject& subject, std::size_t index, const Effects& effects,
                       const Plan& plan) {
  const Workflow::Step& planned = subject.workflow.steps[index];
  const workflow::StepRun& step = subject.run.steps[index];
  const auto wrong = [&](const char* what) {
    return fmt::format("s{} is {}, {}: it took effect {} times and was undone {} times", index,
                       text_of(step.state), what, effects.done.seen, effects.undone.seen);
  };
  if (effects.done.seen > 1 || effects.undone.seen > 1) return wrong("not once");
  if (step.state == StepState::skipped && !subject.is_skipped(index))
    return wrong("which its condition is not");
  if (subject.is_skipped(index) && step.state != StepState::skipped &&
      step.state != StepState::waiting)
    return wrong("though its condition does not hold");
  if (planned.place.empty()) {
    // What waits for a signal that nobody sent waits still.
    const bool waits = !planned.signal.empty() && subject.run.state == RunState::running &&
                       !subject.told.signals_taken.contains(planned.signal);
    const bool right = step.state != StepState::trying || waits;
    return right ? std::string() : wrong("for ever");
  }
  if (!is_counted(planned.place) || !is_counted(planned.undo_place)) {
    const bool ended = step.state != StepState::trying && step.state != StepState::undoing;
    return ended ? std::string() : wrong("for ever");
  }
  if (!agree(planned, step, effects)) return wrong("which does not agree");
  if (step.state == StepState::stuck && !may_be_stuck(subject, index, plan))
    return wrong("without a reason");
  // The same by the run's state alone.
  const bool is_whole =
      planned.undo_place.empty() || effects.undone.are(1) || effects.done.seen == 0;
  switch (subject.run.state) {
    case RunState::done:
      if (effects.done.are(subject.is_skipped(index) ? 0 : 1) && effects.undone.seen == 0)
        return {};
      return wrong("in a run that is done");
    case RunState::undone:
    case RunState::cancelled:
      return is_whole ? std::string() : wrong("half done");
    case RunState::stuck:
      if (is_whole || step.state == StepState::stuck) return {};
      return wrong("half done, and it is not what the run is stuck at");
    case RunState::running:
      return effects.undone.seen == 0 ? std::string() : wrong("in a run that goes on");
    case RunState::undoing:
      break;
  }
  return wrong("in a run that has not ended");
}

}  // namespace

std::string World::check_workflows() {
  if (!plan_.workflows) return {};
  node::Node& node = *members().front()->process->node();
  workflow::Engine& engine = node.keyspaces().workflows();
  const Workflows& workflows = workload_.workflows();
  const Service* const everyone = node.keyspaces().services().find(Owners::everyone);
  const ServiceId service = everyone == nullptr ? ServiceId{} : everyone->id;
  for (const auto& [which, json] : workflows.versions()) {
    const auto defined =
        engine.definition(service, which.first, static_cast<std::uint32_t>(which.second));
    if (!defined || defined->json != json)
      return fmt::format("version {} of {} is not what was declared", which.second, which.first);
  }
  for (const auto& [id, told] : workflows.runs()) {
    const auto run = engine.find({service, id}, node.strong_time());
    if (!run) {
      if (!told.state.empty()) return fmt::format("run {} is not there", id);
      continue;
    }
    const Workflow* const workflow =
        workflows.declared(engine.definition(service, run->workflow, run->version)->json);
    const Subject subject{id, *run, *workflow, *workflow::parse_json(run->input), told};
    if ((run->state == RunState::stuck) != listed_as_stuck_.contains(id))
      return fmt::format("run {} is {}, and LIST has it otherwise", id, text_of(run->state));
    if (std::string wrong = check_state(subject); !wrong.empty())
      return fmt::format("run {} {}", id, wrong);
    for (std::size_t i = 0; i < workflow->steps.size(); ++i) {
      const Effects effects{times_of(id, i, workflow->steps[i].place, false),
                            times_of(id, i, workflow->steps[i].undo_place, true)};
      const std::string wrong = check_step(subject, i, effects, plan_);
      if (!wrong.empty())
        return fmt::format("run {} is {} ({}): {}", id, text_of(run->state), run->why, wrong);
    }
    count_run(*run, *workflow);
  }
  const HttpService::Counters& http = http_.counters;
  findings_.counts["HTTP requests lost"] += http.requests_lost;
  findings_.counts["HTTP replies lost"] += http.replies_lost;
  findings_.counts["HTTP requests repeated"] += http.repeated;
  findings_.counts["HTTP busy"] += http.busy;
  findings_.counts["HTTP refused"] += http.refused;
  for (const auto& [call, seen] : http_.seen())
    findings_.counts["HTTP calls asked for again"] += seen.asked > 1 ? 1 : 0;
  for (const auto& [run, askers] : http_.askers())
    findings_.counts["runs taken over"] += askers.size() > 1 ? 1 : 0;
  return {};
}

Times World::times_of(const std::string& run, std::size_t step, const std::string& place,
                      bool undo) {
  if (place.empty() || !is_counted(place)) return {};
  if (place == "http") {
    const auto seen =
        http_.seen().find({.run = run, .step = fmt::format("s{}", step), .undo = undo});
    return {seen == http_.seen().end() ? 0 : seen->second.effects, false};
  }
  const std::uint64_t holds = number_at(effects_key(place, run));
  const std::uint64_t times =
      holds >> effect_shift(step, undo) & ((std::uint64_t{1} << effect_bits) - 1);
  const bool everysec = place == "f" && (plan_.has_power_cuts() || !flipped_.empty());
  return {times, !is_strong(place) && (everysec || !lost_.empty())};
}

void World::count_run(const workflow::Run& run, const Workflow& workflow) {
  const auto count = [&](const std::string& what, bool more) {
    findings_.counts[what] += more ? 1 : 0;
  };
  count(fmt::format("runs {}", text_of(run.state)), true);
  count("runs past their deadline", run.why.starts_with("DEADLINE"));
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    const workflow::StepRun& step = run.steps[i];
    count("steps undone", step.state == StepState::undone);
    count("steps tried again", std::ranges::any_of(step.attempts, [](const auto& attempt) {
            return attempt.number > 1;
          }));
    count("undos retried", step.round > 0);
    count("waits that a signal ended",
          !workflow.steps[i].signal.empty() && step.state == StepState::done);
  }
}

}  // namespace holdfast::sim
