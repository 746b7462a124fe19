// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "workflow/definition.h"

namespace holdfast::workflow {

enum class RunState : std::uint8_t {
  running = 1,
  done = 2,       // every step is done, or was skipped
  undoing = 3,    // a step failed for good, the deadline passed, or it was cancelled
  undone = 4,     // what was done is undone
  stuck = 5,      // an undo failed for good: somebody has to look
  cancelled = 6,  // undone because somebody asked for it
};
std::string_view text_of(RunState state);
/// Nothing happens any more by itself.
bool has_ended(RunState state);

enum class StepState : std::uint8_t {
  waiting = 0,    // its turn has not come
  skipped = 1,    // its condition did not hold
  trying = 2,     // it may be sent, or waits
  done = 3,       //
  refused = 4,    // it failed for good and had no effect
  unsettled = 5,  // nobody knows whether it had its effect: its undo is sent
  undoing = 6,    // its undo may be sent
  undone = 7,     //
  stuck = 8,      // its undo failed for good
};
std::string_view text_of(StepState state);

/// How an attempt ended.
enum class Ending : std::uint8_t {
  succeeded = 1,
  refused = 2,      // for good: without effect, and so it stays
  unavailable = 3,  // this time: without effect
  unknown = 4,      // this time: perhaps with its effect
  // For good, by the node that was to make it: without effect. But another node, dead by now, may
  // have made the same attempt, so the step is as if nobody knew.
  unsendable = 5,
};
std::string_view text_of(Ending ending);

struct Outcome {
  Ending ending = Ending::succeeded;
  std::string result;  // JSON; of one that succeeded
  std::string error;   // CODE and a sentence; of the others
};

/// One attempt that has ended, for WORKFLOW HISTORY.
struct Attempt {
  bool undo = false;
  std::uint32_t round = 0;
  std::uint32_t number = 1;
  Instant ended{};
  Ending ending = Ending::succeeded;
  std::string error;
};

struct StepRun {
  StepState state = StepState::waiting;
  /// Of the attempt that may be made from `due` on, of the doing or the undoing: from 1. A wait
  /// ends at `due`.
  std::uint32_t attempt = 0;
  std::uint32_t round = 0;  // of the undoing: RETRY of one that was refused begins another
  Instant due{};
  bool in_doubt = false;  // some attempt ended unknown
  std::string result;     // JSON; empty: none
  std::vector<Attempt> attempts;
  std::uint32_t attempts_forgotten = 0;  // older ones, over workflow_attempts_kept_max
};

/// Where one run of a workflow stands: all of it, with the definition that it began with.
struct Run {
  std::string id;
  ServiceId service;
  std::string workflow;
  std::uint32_t version = 0;
  std::string input;  // JSON
  RunState state = RunState::running;
  bool was_cancelled = false;
  Instant started{};
  Instant ended{};                             // has_ended()
  Instant deadline{};                          // the epoch: none
  std::string why;                             // it is being undone
  std::map<std::string, std::string> signals;  // that nobody has waited for yet: JSON
  std::vector<StepRun> steps;

  /// docs/formats/workflow-runs.md
  std::string encode() const;
  static Result<Run> decode(std::string_view bytes);
};

/// The request id of a step's call, or of its undo, the same for every attempt:
/// `<run>/<step>`, `<run>/<step>/undo`, `<run>/<step>/undo/<round>`; what is longer than a request
/// id may be ends in a hash of it all.
std::string request_id_of(const Run& run, const Step& step, bool undo, std::uint32_t round);

/// What forms lead into, without any results.
Document document_of(const Run& run);
/// Adds what a step came to, if it did.
void add_result(const Definition& definition, const Run& run, std::size_t step, Document& document);

}  // namespace holdfast::workflow
