// SPDX-License-Identifier: Apache-2.0
#include "workflow/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"
#include "command/random.h"

namespace holdfast::workflow {
namespace {

// Of an ending in plain words, as history and `why` keep it.
std::string shorten(std::string text) {
  if (text.size() > limits::workflow_error_bytes_max) text.resize(limits::workflow_error_bytes_max);
  return text;
}

Result<FunctionRequest> function_of(const FunctionCall& call, const Document& document) {
  FunctionRequest request{.function = call.function, .keys = {}, .args = {}};
  for (const Json& form : call.keys) {
    const auto value = evaluate(form, document);
    if (!value) return tl::unexpected(value.error());
    auto text = text_of(*value);
    if (!text) return tl::unexpected(Error{Code::err, "a key: " + text.error().message});
    request.keys.push_back(std::move(*text));
  }
  for (const Json& form : call.args) {
    const auto value = evaluate(form, document);
    if (!value) return tl::unexpected(value.error());
    request.args.push_back(value->is_string() ? value->get<std::string>() : write_json(*value));
  }
  return request;
}

Result<OutgoingHttp> http_of(const HttpRequest& call, const Document& document) {
  OutgoingHttp request{
      .method = call.method, .url = {}, .headers = {}, .body = {}, .secret = call.secret};
  const auto text = [&](const Json& form) -> Result<std::string> {
    const auto value = evaluate(form, document);
    if (!value) return tl::unexpected(value.error());
    return text_of(*value);
  };
  auto url = text(call.url);
  if (!url) return tl::unexpected(Error{Code::err, "the url: " + url.error().message});
  request.url = std::move(*url);
  for (const auto& [name, form] : call.headers) {
    auto value = text(form);
    if (!value) return tl::unexpected(Error{Code::err, name + ": " + value.error().message});
    const bool breaks = std::any_of(value->begin(), value->end(),
                                    [](unsigned char c) { return c < ' ' || c == 0x7F; });
    if (breaks) return fail(Code::err, name + ": a header has no control characters");
    request.headers.emplace_back(name, std::move(*value));
  }
  if (!call.body.is_null()) {
    const auto body = evaluate(call.body, document);
    if (!body) return tl::unexpected(body.error());
    request.body = write_json(*body);
  }
  return request;
}

}  // namespace

Result<Request> request_of(const Call& call, const Document& document) {
  if (const auto* function = std::get_if<FunctionCall>(&call.what))
    return function_of(*function, document);
  return http_of(std::get<HttpRequest>(call.what), document);
}

std::optional<Instant> next_of(const Run& run) {
  std::optional<Instant> next;
  const auto take = [&](Instant time) {
    if (time != Instant{} && (!next || time < *next)) next = time;
  };
  if (has_ended(run.state)) return next;
  if (run.state == RunState::running) take(run.deadline);
  for (const StepRun& step : run.steps) {
    if (step.state == StepState::trying || step.state == StepState::undoing) take(step.due);
  }
  return next;
}

const Call& Progress::call_of(const AttemptName& attempt) const {
  const Step& step = definition_.steps[attempt.step];
  if (attempt.undo) return *step.undo;
  const Call* const call = step.call();
  HF_ASSERT(call != nullptr);  // nothing else is attempted
  return *call;
}

Request Progress::request_of(const AttemptName& attempt) const {
  auto request = workflow::request_of(call_of(attempt), document(steps_before(attempt)));
  HF_ASSERT(request.has_value());  // looked at before the step was begun
  return std::move(*request);
}

std::size_t Progress::steps_before(const AttemptName& attempt) const {
  if (attempt.undo) return definition_.steps.size();
  const auto& stages = definition_.stages;
  return std::find_if(stages.begin(), stages.end(),
                      [&](const Stage& one) { return attempt.step < one.first + one.count; })
      ->first;
}

// With the results of the first `steps` steps.
const Document& Progress::document(std::size_t steps) const {
  if (!document_ || steps < document_steps_) {
    document_ = document_of(run_);
    document_steps_ = 0;
  }
  for (; document_steps_ < steps; ++document_steps_)
    add_result(definition_, run_, document_steps_, *document_);
  return *document_;
}

void Progress::set_result(std::size_t index, std::string_view json) {
  run_.steps[index].result = json;
  if (document_ && index < document_steps_) add_result(definition_, run_, index, *document_);
}

void Progress::begin() {
  HF_ASSERT(run_.steps.empty());
  run_.steps.resize(definition_.steps.size());
  run_.state = RunState::running;
  run_.started = now_;
  if (definition_.deadline) run_.deadline = now_ + *definition_.deadline;
  advance();
}

// Goes on as far as nobody has to be asked.
void Progress::advance() {
  for (const Stage& stage : definition_.stages) {
    if (run_.state != RunState::running) break;
    const auto is_over = [&](std::size_t i) {
      const StepState state = run_.steps[stage.first + i].state;
      return state == StepState::done || state == StepState::skipped;
    };
    std::size_t over = 0;
    while (over < stage.count && is_over(over)) ++over;
    if (over == stage.count) continue;
    if (!begin_stage(stage)) return;
  }
  if (run_.state == RunState::running) return end(RunState::done);
  if (run_.state != RunState::undoing) return;
  const bool busy = std::any_of(run_.steps.begin(), run_.steps.end(), [](const StepRun& step) {
    return step.state == StepState::trying || step.state == StepState::undoing;
  });
  if (!busy) undo_next();
}

// True: its steps are all over already, or the run is being undone.
bool Progress::begin_stage(const Stage& stage) {
  if (run_.steps[stage.first].state == StepState::waiting) {
    // What a form leads to nowhere in is known before any of them is sent.
    std::vector<bool> wanted;
    for (std::size_t i = stage.first; i < stage.first + stage.count; ++i) {
      const Step& step = definition_.steps[i];
      const auto condition = holds(step.condition, document(stage.first));
      if (!condition) {
        fail_step(i, StepState::refused, "BADVALUE " + condition.error().message);
        return true;
      }
      wanted.push_back(*condition);
      if (!*condition || step.call() == nullptr) continue;
      if (const auto request = workflow::request_of(*step.call(), document(stage.first));
          !request) {
        fail_step(i, StepState::refused, "BADVALUE " + request.error().message);
        return true;
      }
    }
    for (std::size_t i = 0; i < stage.count; ++i) {
      if (wanted[i]) {
        begin_step(stage.first + i);
      } else {
        run_.steps[stage.first + i].state = StepState::skipped;
      }
    }
  }
  for (std::size_t i = stage.first; i < stage.first + stage.count; ++i) {
    if (run_.steps[i].state == StepState::trying) return false;
  }
  return true;
}

void Progress::begin_step(std::size_t index) {
  StepRun& step = run_.steps[index];
  step.state = StepState::trying;
  step.attempt = 1;
  step.due = now_;
  const Step& definition = definition_.steps[index];
  if (const auto* delay = std::get_if<Delay>(&definition.does)) {
    step.due = now_ + delay->duration;
  } else if (const auto* signal = std::get_if<Signal>(&definition.does)) {
    step.due = signal->longest ? now_ + *signal->longest : Instant{};
    if (const auto came = run_.signals.find(signal->name); came != run_.signals.end()) {
      step.state = StepState::done;
      set_result(index, came->second);
      run_.signals.erase(came);
    }
  }
}

bool Progress::settle(const AttemptName& attempt, const Outcome& outcome) {
  if (has_ended(run_.state) || attempt.step >= run_.steps.size()) return false;
  StepRun& step = run_.steps[attempt.step];
  if (attempt.undo) {
    if (step.state != StepState::undoing || attempt.round != step.round) return false;
  } else if (step.state != StepState::trying || definition_.steps[attempt.step].call() == nullptr) {
    return false;
  }
  // What ends it for good may have been heard by whoever made an earlier attempt.
  const bool given_up = outcome.ending == Ending::refused || outcome.ending == Ending::unsendable;
  const bool for_good = outcome.ending == Ending::succeeded || given_up;
  if (for_good ? attempt.number > step.attempt : attempt.number != step.attempt) return false;
  note(attempt.step, attempt, outcome);
  if (outcome.ending == Ending::unknown || outcome.ending == Ending::unsendable)
    step.in_doubt = true;
  if (outcome.ending == Ending::succeeded) {
    succeed(attempt.step, outcome);
  } else if (given_up) {
    give_up(attempt.step, outcome);
  } else {
    try_again(attempt.step, call_of(attempt), outcome);
  }
  advance();
  return true;
}

void Progress::succeed(std::size_t index, const Outcome& outcome) {
  StepRun& step = run_.steps[index];
  if (is_undoing(index)) {
    step.state = StepState::undone;
    return;
  }
  step.state = StepState::done;
  const bool is_kept = outcome.result.size() <= limits::workflow_result_bytes_max;
  set_result(index, is_kept ? std::string_view(outcome.result) : "null");
}

void Progress::try_again(std::size_t index, const Call& call, const Outcome& outcome) {
  StepRun& step = run_.steps[index];
  const bool stopped = run_.state == RunState::undoing && !is_undoing(index);
  if (stopped || step.attempt >= call.retry.attempts) return give_up(index, outcome);
  ++step.attempt;
  step.due = now_ + delay_before(call.retry, step.attempt);
}

// No more attempts.
void Progress::give_up(std::size_t index, const Outcome& outcome) {
  if (is_undoing(index)) {
    run_.steps[index].state = StepState::stuck;
    return;
  }
  const bool settled = outcome.ending == Ending::refused || !run_.steps[index].in_doubt;
  fail_step(index, settled ? StepState::refused : StepState::unsettled, outcome.error);
}

void Progress::fail_step(std::size_t index, StepState state, std::string error) {
  run_.steps[index].state = state;
  stop(fmt::format("step {}: {}", definition_.steps[index].name, error));
}

// From here on nothing new begins, and what is under way is settled before anything is undone.
void Progress::stop(std::string why) {
  if (run_.state != RunState::running) return;
  run_.state = RunState::undoing;
  run_.why = shorten(std::move(why));
  run_.signals.clear();
  for (std::size_t i = 0; i < run_.steps.size(); ++i) {
    StepRun& step = run_.steps[i];
    if (step.state != StepState::trying) continue;
    if (definition_.steps[i].call() == nullptr) {
      step.state = StepState::waiting;
    } else if (step.due > now_) {  // its last attempt has ended, the next will not be
      step.state = step.in_doubt ? StepState::unsettled : StepState::refused;
    }
  }
}

void Progress::undo_next() {
  for (std::size_t i = run_.steps.size(); i-- > 0;) {
    StepRun& step = run_.steps[i];
    const bool wanted = step.state == StepState::done || step.state == StepState::unsettled;
    if (!wanted || !definition_.steps[i].undo) continue;
    step.state = StepState::undoing;
    step.attempt = 1;
    step.due = now_;
    const auto request =
        workflow::request_of(*definition_.steps[i].undo, document(run_.steps.size()));
    if (request) return;
    note(i, {.step = i, .undo = true, .round = step.round, .number = 1},
         {.ending = Ending::refused, .result = {}, .error = "BADVALUE " + request.error().message});
    step.state = StepState::stuck;
  }
  const bool stuck = std::any_of(run_.steps.begin(), run_.steps.end(), [](const StepRun& step) {
    return step.state == StepState::stuck;
  });
  end(stuck ? RunState::stuck : run_.was_cancelled ? RunState::cancelled : RunState::undone);
}

void Progress::end(RunState state) {
  run_.state = state;
  run_.ended = now_;
  run_.signals.clear();
}

bool Progress::pass_time() {
  if (run_.state != RunState::running) return false;
  if (run_.deadline != Instant{} && now_ >= run_.deadline) {
    stop("DEADLINE the run took longer than its deadline");
    advance();
    return true;
  }
  bool passed = false;
  for (std::size_t i = 0; i < run_.steps.size() && run_.state == RunState::running; ++i) {
    StepRun& step = run_.steps[i];
    if (step.state != StepState::trying || step.due == Instant{} || step.due > now_) continue;
    const auto& does = definition_.steps[i].does;
    if (std::holds_alternative<Delay>(does)) {
      step.state = StepState::done;
      set_result(i, "null");
      passed = true;
    } else if (const auto* signal = std::get_if<Signal>(&does)) {
      fail_step(i, StepState::refused, fmt::format("TIMEOUT no signal {} came", signal->name));
      passed = true;
    }
  }
  if (passed) advance();
  return passed;
}

bool Progress::cancel() {
  if (has_ended(run_.state)) return false;
  if (run_.state == RunState::undoing) return true;
  run_.was_cancelled = true;
  stop("CANCELLED");
  advance();
  return true;
}

bool Progress::retry() {
  if (run_.state != RunState::stuck) return false;
  run_.state = RunState::undoing;
  run_.ended = Instant{};
  for (StepRun& step : run_.steps) {
    if (step.state != StepState::stuck) continue;
    step.state = StepState::unsettled;
    // What was refused stays so under its request id. What may have had its effect must keep it.
    if (!step.attempts.empty() && step.attempts.back().ending == Ending::refused) ++step.round;
  }
  advance();
  return true;
}

Status Progress::signal(std::string_view name, std::string_view payload) {
  if (run_.state != RunState::running)
    return fail(Code::err,
                fmt::format("the run waits for nothing any more: it is {}", text_of(run_.state)));
  bool known = false;
  for (std::size_t i = 0; i < run_.steps.size(); ++i) {
    const auto* wanted = std::get_if<Signal>(&definition_.steps[i].does);
    if (wanted == nullptr || wanted->name != name) continue;
    known = known || run_.steps[i].state == StepState::waiting;
    if (run_.steps[i].state != StepState::trying) continue;
    run_.steps[i].state = StepState::done;
    set_result(i, payload);
    advance();
    return {};
  }
  if (!known) return fail(Code::err, fmt::format("no step of the run waits for signal '{}'", name));
  run_.signals.insert_or_assign(std::string(name), std::string(payload));
  return {};
}

std::vector<AttemptName> Progress::due() const {
  std::vector<AttemptName> due;
  if (has_ended(run_.state)) return due;
  for (std::size_t i = 0; i < run_.steps.size(); ++i) {
    const StepRun& step = run_.steps[i];
    const bool undo = step.state == StepState::undoing;
    if (!undo && step.state != StepState::trying) continue;
    if (step.due > now_ || (!undo && definition_.steps[i].call() == nullptr)) continue;
    due.push_back(
        {.step = i, .undo = undo, .round = undo ? step.round : 0, .number = step.attempt});
  }
  return due;
}

void Progress::note(std::size_t index, const AttemptName& attempt, const Outcome& outcome) {
  StepRun& step = run_.steps[index];
  if (step.attempts.size() == limits::workflow_attempts_kept_max) {
    step.attempts.erase(step.attempts.begin());
    ++step.attempts_forgotten;
  }
  std::string error = outcome.error;
  if (outcome.result.size() > limits::workflow_result_bytes_max)
    error = fmt::format("a result of {} bytes was not kept", outcome.result.size());
  step.attempts.push_back({.undo = attempt.undo,
                           .round = attempt.round,
                           .number = attempt.number,
                           .ended = now_,
                           .ending = outcome.ending,
                           .error = shorten(std::move(error))});
}

Millis Progress::delay_before(const Retry& retry, std::uint32_t attempt) {
  auto delay = static_cast<double>(retry.first.count());
  const auto longest = static_cast<double>(retry.longest.count());
  for (std::uint32_t i = 2; i < attempt && delay < longest; ++i) delay *= retry.factor;
  delay = std::min(delay, longest);
  command::Random random(seed_);
  seed_ = random.next();
  const double part = static_cast<double>(seed_ >> 11) / 9007199254740992.0;  // of 2^53: below 1
  delay *= 1 + retry.jitter * (2 * part - 1);
  return Millis(std::max<std::int64_t>(1, static_cast<std::int64_t>(delay)));
}

}  // namespace holdfast::workflow
