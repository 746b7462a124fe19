// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "workflow/definition.h"
#include "workflow/run.h"

namespace holdfast::workflow {

/// One attempt at a step or its undo.
struct AttemptName {
  std::size_t step = 0;
  bool undo = false;
  std::uint32_t round = 0;
  std::uint32_t number = 1;
  bool operator==(const AttemptName&) const = default;
};

/// What an attempt sends.
struct FunctionRequest {
  std::string function;
  std::vector<std::string> keys, args;
};
struct OutgoingHttp {
  std::string method, url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // empty: none
  std::string secret;
};
using Request = std::variant<FunctionRequest, OutgoingHttp>;
/// kErr: a form leads nowhere.
Result<Request> request_of(const Call& call, const Document& document);

/// When, without anything else happening, Progress::pass_time() or due() says something new;
/// nothing: never.
std::optional<Instant> next_of(const Run& run);

/// What decides a run's progress: a saga (Garcia-Molina and Salem, SIGMOD 1987) of idempotent steps
/// and idempotent compensations. Given what has happened and the time, it says what may be sent; it
/// sends nothing itself. Pure: the same on every node.
///
/// It relies on this alone: all attempts of one name but for its number carry one request id, and
/// have their effect once. So it does no harm that two nodes make the same attempt.
///
/// A step may be sent from when its state is `trying`, which is written down before; then its undo
/// is known to be wanted should it come to that. A stage begins when the one before has ended. When
/// a step fails for good, those beside it end first; then what was done or may have been done is
/// undone, one after the other from the last step to the first.
class Progress {
 public:
  /// `seed`: of the jitter. Both live longer.
  Progress(const Definition& definition, Run& run, Instant now, std::uint64_t seed)
      : definition_(definition), run_(run), now_(now), seed_(seed) {}

  /// A new run's first steps; `run` as made: its id, service, input.
  void begin();
  /// False: it says nothing new (somebody else was told before, or it is over).
  bool settle(const AttemptName& attempt, const Outcome& outcome);
  /// What has come due by time alone: waits and the deadline. False: nothing has.
  bool pass_time();
  /// False: it has ended.
  bool cancel();
  /// Of a stuck run: its stuck undos are tried anew. False: it is not stuck.
  bool retry();
  /// kErr: it has ended, or keeps as many signals as it may. `payload` is JSON.
  Status signal(std::string_view name, std::string_view payload);

  /// The attempts that may be made now.
  std::vector<AttemptName> due() const;
  /// Likewise next_of() the run.
  std::optional<Instant> next() const { return next_of(run_); }

  const Call& call_of(const AttemptName& attempt) const;
  /// What an attempt that is due sends; each time the same: of results a step is given those of the
  /// stages before its own, since its neighbours' come between its attempts, and its undo all.
  Request request_of(const AttemptName& attempt) const;

 private:
  void advance();
  bool begin_stage(const Stage& stage);
  void begin_step(std::size_t step);
  void fail_step(std::size_t step, StepState state, std::string error);
  void stop(std::string why);
  void undo_next();
  void end(RunState state);
  void succeed(std::size_t step, const Outcome& outcome);
  void try_again(std::size_t step, const Call& call, const Outcome& outcome);
  void give_up(std::size_t step, const Outcome& outcome);
  void note(std::size_t step, const AttemptName& attempt, const Outcome& outcome);
  Millis delay_before(const Retry& retry, std::uint32_t attempt);
  void set_result(std::size_t step, std::string_view json);
  std::size_t steps_before(const AttemptName& attempt) const;
  const Document& document(std::size_t steps) const;
  bool is_undoing(std::size_t step) const { return run_.steps[step].state == StepState::undoing; }

  const Definition& definition_;
  Run& run_;
  Instant now_;
  std::uint64_t seed_;
  mutable std::optional<Document> document_;  // made once it is needed
  mutable std::size_t document_steps_ = 0;    // whose results are in it
};
}  // namespace holdfast::workflow
