// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/reply.h"
#include "base/ticket.h"
#include "base/units.h"

namespace holdfast::strong {

using ReadNow = std::function<void(Reply&)>;

/// A place in the order of a sequencer's own operations: before the operation
/// `index` of the entry `sequence`.
struct Place {
  std::uint64_t sequence = 0;
  std::size_t index = 0;
  auto operator<=>(const Place&) const = default;
};

/// The reads of a Sequencer that could not run at once.
///
/// Each waits at a place, that of the next operation to be taken when it came.
/// When application reaches the place it runs, whatever else: all that was
/// acknowledged before the read came lies before that entry, which is appended
/// later, and its connection's later writes lie behind. It may run sooner,
/// once the log's end as asked after it came is applied (ReadIndex) and, if it
/// must stay behind what was taken before it, all of that is settled: writes,
/// and reads too, lest an earlier one of its connection show a later state.
class PendingReads {
 public:
  explicit PendingReads(ReplySink& replies) : replies_(replies) {}

  enum class Barrier : std::uint8_t {
    none,     // waits for its place alone
    unasked,  // also for the next question to the log
    asked,    // also for the question under way
    known,    // also for `end`
  };
  struct Read {
    Place place;
    bool behind = false;
    Ticket ticket;
    Monotonic deadline;
    ReadNow run;
    Barrier barrier = Barrier::none;
    Position end;  // when known
    bool done = false;
  };
  void add(Read read);

  std::size_t waiting() const { return waiting_; }
  /// Whether some read waits for a question that has not been asked.
  bool wants_question() const { return unasked_ > 0; }
  std::size_t unasked() const { return unasked_; }
  void asked();
  /// How many had waited for it.
  std::size_t answered(const Result<Position>& end);

  /// Application has reached the place: runs what waits there or before.
  void reached(Place place) {
    while (next_ != reads_end() && at(next_).place <= place) finish_by_running(at(next_++));
  }
  /// Runs what need not wait for its place any more. All of the sequencer's
  /// operations before `settled` were applied or refused.
  void run_ready(Position applied, Place settled);
  /// The entry will not be applied: what waited for its place alone asks the log.
  void entry_failed(std::uint64_t sequence);
  /// Answers what is past its deadline; returns how many.
  std::size_t expire(Monotonic now);
  void fail_all(const Error& error);

 private:
  std::uint64_t reads_end() const { return first_ + reads_.size(); }
  Read& at(std::uint64_t number) { return reads_[static_cast<std::size_t>(number - first_)]; }
  void settle(Read& read);
  void finish_by_running(Read& read);
  void finish(Read& read, const Error& error);
  void forget_done();

  ReplySink& replies_;
  std::deque<Read> reads_;             // by time of arrival, so also by place and by deadline
  std::uint64_t first_ = 0;            // number of reads_.front(); numbers are never reused
  std::uint64_t next_ = 0;             // the first whose place was not reached
  std::vector<std::uint64_t> asking_;  // numbers of those with a barrier, growing
  std::size_t unasked_ = 0;
  std::size_t waiting_ = 0;
  std::string reply_;
};

}  // namespace holdfast::strong
