// SPDX-License-Identifier: Apache-2.0
// Random workflows in a random world: functions and services that fail for a while or for good,
// replies that are lost, reports that come twice and late, several drivers, some of which die
// between any two actions. However it goes, a run ends, each effect is there once or undone once,
// and never half.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "command/random.h"
#include "workflow/progress.h"

namespace holdfast::workflow {
namespace {

using command::Random;

std::uint64_t tries() {
  const char* const told = std::getenv("HOLDFAST_WORKFLOWS");
  return told == nullptr ? 3'000 : std::strtoull(told, nullptr, 10);
}

/// Whom steps call: remembers what it answered under an id, as functions and Idempotency-Keys do.
class World {
 public:
  explicit World(Random& random) : random_(random) {}

  /// Nothing fails any more but what was refused for good already.
  void heal() { well_ = true; }
  void forgive_undos() { undos_are_refused_ = false; }

  /// What whoever called hears. `certain`: a failure is known to have had no effect.
  Outcome call(const std::string& id, const std::string& step, bool undo, bool certain) {
    const auto known = answered_.find(id);
    if (known != answered_.end()) return hear(known->second, certain);
    if (!well_ && random_.below(4) == 0)
      return {certain ? Ending::unavailable : Ending::unknown, {}, "UNAVAILABLE not now"};
    const bool refuses =
        undo ? undos_are_refused_ && random_.below(6) == 0 : !well_ && random_.below(8) == 0;
    Outcome outcome{Ending::succeeded, R"({"by":")" + step + "\"}", {}};
    if (refuses) outcome = {Ending::refused, {}, "TOOLITTLE no"};
    if (!refuses) ++(undo ? undone : done)[step];
    answered_.emplace(id, outcome);
    return hear(outcome, certain);
  }

  std::map<std::string, int> done, undone;  // effects, by step

 private:
  Outcome hear(const Outcome& outcome, bool certain) {
    if (certain || well_ || random_.below(4) != 0) return outcome;
    return {Ending::unknown, {}, "TIMEOUT no answer"};
  }

  Random& random_;
  bool well_ = false;
  bool undos_are_refused_ = true;
  std::map<std::string, Outcome> answered_;
};

struct Ends {
  std::map<RunState, int> runs;
  std::map<StepState, int> steps;
  int late = 0;  // reports that said nothing new
};

class Trial {
  // Every action is on a run as it was read again.
  template <typename F>
  auto with(F act) {
    auto read = Run::decode(run_.encode());
    EXPECT_TRUE(read);
    run_ = std::move(*read);
    Progress progress(definition_, run_, now_, random_.next());
    return act(progress);
  }

 public:
  Trial(std::uint64_t seed, Ends& ends) : random_(seed), world_(random_), ends_(ends) {}

  void run() {
    draw_definition();
    run_.id = "r1";
    run_.input = R"({"n":1})";
    with([](Progress& progress) { progress.begin(); });
    for (std::size_t event = 0; event < 200 && !has_ended(run_.state); ++event) happen();
    world_.heal();
    settle_down();
    check();
    if (run_.state != RunState::stuck) return;
    world_.forgive_undos();
    ++ends_.runs[RunState::stuck];
    // The first may hear what attempts before it were answered, late or again.
    for (int round = 0; round < 10 && run_.state == RunState::stuck; ++round) {
      with([](Progress& progress) { EXPECT_TRUE(progress.retry()); });
      settle_down();
    }
    check();
    for (const StepRun& step : run_.steps) {
      if (step.state != StepState::stuck) continue;
      EXPECT_TRUE(step.attempts.back().error.starts_with("BADVALUE")) << step.attempts.back().error;
    }
  }

 private:
  struct Report {
    AttemptName attempt;
    Outcome outcome;
  };

  void draw_definition() {
    const std::size_t stages = 1 + random_.below(4);
    for (std::size_t i = 0; i < stages; ++i) {
      const Stage stage{definition_.steps.size(), random_.below(3) == 0 ? 2 + random_.below(2) : 1};
      for (std::size_t j = 0; j < stage.count; ++j) draw_step();
      definition_.stages.push_back(stage);
    }
    if (random_.below(8) == 0) definition_.deadline = Millis(1 + random_.below(3'000));
  }

  void draw_step() {
    Step step;
    const std::size_t index = definition_.steps.size();
    step.name = fmt::format("s{}", index);
    if (random_.below(6) == 0)
      step.condition =
          Json::parse(random_.below(2) == 0 ? R"({"equal": [{"from": "/input/n"}, 1]})"
                                            : R"({"equal": [{"from": "/input/n"}, 2]})");
    in_log_.push_back(random_.below(2) == 0);
    const std::size_t kind = random_.below(12);
    if (kind == 0) {
      step.does = Delay{Millis(random_.below(500))};
    } else if (kind == 1) {
      step.does = Signal{"go", random_.below(2) == 0 ? std::optional(Millis(400)) : std::nullopt};
    } else {
      Call call = draw_call();
      // Of a step that may have been skipped there is no result.
      if (index > 0 && random_.below(20) == 0)
        std::get<FunctionCall>(call.what).args.push_back(Json::parse(R"({"from": "/steps/s0"})"));
      step.does = std::move(call);
      if (random_.below(4) != 0) step.undo = draw_call();
      if (step.undo && random_.below(60) == 0)
        std::get<FunctionCall>(step.undo->what)
            .args.push_back(Json::parse(R"({"from": "/input/none"})"));
    }
    definition_.steps.push_back(std::move(step));
  }

  Call draw_call() {
    Call call;
    call.what = FunctionCall{"k.f", {}, {}};
    call.retry.attempts = static_cast<std::uint32_t>(1 + random_.below(5));
    call.retry.first = Millis(1 + random_.below(200));
    return call;
  }

  void happen() {
    switch (random_.below(8)) {
      case 0:
        now_ += Millis(random_.below(100));
        return;
      case 1:
        with([](Progress& progress) { return progress.pass_time(); });
        return;
      case 2:
        if (random_.below(40) == 0) with([](Progress& progress) { return progress.cancel(); });
        if (random_.below(6) == 0)
          with([](Progress& progress) { return progress.signal("go", "5"); });
        return;
      case 3:
      case 4:
        return report(random_.below(4) == 0);
      case 5:
        if (!reports_.empty() && random_.below(5) == 0) reports_.pop_back();  // its driver died
        return;
      default:
        return make_attempt();
    }
  }

  void make_attempt() {
    const auto due = with([](Progress& progress) { return progress.due(); });
    if (due.empty()) return;
    const AttemptName& attempt = due[random_.below(due.size())];
    const Step& step = definition_.steps[attempt.step];
    const bool in_log = in_log_[attempt.step];
    const Outcome outcome = world_.call(request_id_of(run_, step, attempt.undo, attempt.round),
                                        step.name, attempt.undo, in_log);
    reports_.push_back({attempt, outcome});
    // In the log a call and what is made of it are one.
    if (in_log) settle(std::exchange(reports_.back(), {}));
    if (in_log) reports_.pop_back();
  }

  void report(bool again) {
    if (reports_.empty()) return;
    const std::size_t which = random_.below(reports_.size());
    settle(reports_[which]);
    if (!again) reports_.erase(reports_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  void settle(const Report& report) {
    const std::string before = run_.encode();
    const bool said =
        with([&](Progress& progress) { return progress.settle(report.attempt, report.outcome); });
    if (said) return;
    ++ends_.late;
    EXPECT_EQ(run_.encode(), before) << "a report that says nothing new has changed something";
  }

  void settle_down() {
    for (int round = 0; round < 1'000 && !has_ended(run_.state); ++round) {
      with([](Progress& progress) { return progress.pass_time(); });
      make_attempt();
      while (!reports_.empty()) report(false);
      const auto next = with([](Progress& progress) { return progress.next(); });
      if (next && *next > now_) now_ = *next;
      with([](Progress& progress) { return progress.signal("go", "6"); });
    }
    ASSERT_TRUE(has_ended(run_.state)) << "it does not end: " << text_of(run_.state);
    EXPECT_EQ(run_.ended <= now_, true);
    EXPECT_TRUE(with([](Progress& progress) { return progress.due(); }).empty());
  }

  void check() {
    ends_.runs[run_.state] += run_.state == RunState::stuck ? 0 : 1;
    bool stuck = false;
    for (std::size_t i = 0; i < run_.steps.size(); ++i) {
      const StepRun& step = run_.steps[i];
      const std::string& name = definition_.steps[i].name;
      const int done = world_.done[name], undone = world_.undone[name];
      ends_.steps[step.state]++;
      stuck = stuck || step.state == StepState::stuck;
      ASSERT_LE(done, 1) << name;
      ASSERT_LE(undone, 1) << name;
      const bool called = definition_.steps[i].call() != nullptr;
      if (run_.state == RunState::done) {
        const bool skipped = step.state == StepState::skipped;
        ASSERT_TRUE(skipped || step.state == StepState::done) << name << " " << text_of(step.state);
        ASSERT_EQ(done, called && !skipped ? 1 : 0) << name;
        ASSERT_EQ(undone, 0) << name;
        continue;
      }
      switch (step.state) {
        case StepState::undone:
          ASSERT_EQ(undone, 1) << name;
          break;
        case StepState::done:  // what cannot be undone
          ASSERT_TRUE(!definition_.steps[i].undo) << name;
          ASSERT_EQ(done, called ? 1 : 0) << name;
          break;
        case StepState::unsettled:
          ASSERT_TRUE(!definition_.steps[i].undo) << name;
          break;
        case StepState::stuck:
          ASSERT_EQ(run_.state, RunState::stuck) << name;
          ASSERT_LE(undone, step.attempts.back().ending == Ending::refused ? 0 : 1) << name;
          break;
        case StepState::waiting:
        case StepState::skipped:
        case StepState::refused:
          ASSERT_EQ(done, 0) << name << " " << text_of(step.state);
          ASSERT_EQ(undone, 0) << name;
          break;
        default:
          FAIL() << name << " is " << text_of(step.state) << " where the run has ended";
      }
    }
    ASSERT_EQ(stuck, run_.state == RunState::stuck);
  }

  Random random_;
  World world_;
  Ends& ends_;
  Definition definition_;
  std::vector<bool> in_log_;
  Run run_;
  Instant now_ = instant_from_ms(1'000'000);
  std::vector<Report> reports_;
};

TEST(Workflows, EveryRunEndsWithEachEffectOnceOrUndoneOnce) {
  Ends ends;
  for (std::uint64_t seed = 1; seed <= tries() && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Trial(seed, ends).run();
  }
  for (const RunState state :
       {RunState::done, RunState::undone, RunState::stuck, RunState::cancelled})
    EXPECT_GT(ends.runs[state], 0) << text_of(state) << " was never seen";
  for (const StepState state :
       {StepState::waiting, StepState::skipped, StepState::done, StepState::refused,
        StepState::unsettled, StepState::undone, StepState::stuck})
    EXPECT_GT(ends.steps[state], 0) << text_of(state) << " was never seen";
  EXPECT_GT(ends.late, 0);
}

}  // namespace
}  // namespace holdfast::workflow
