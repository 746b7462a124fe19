// SPDX-License-Identifier: Apache-2.0
#include "strong/pending_reads.h"

#include <algorithm>

namespace holdfast::strong {

void PendingReads::add(Read read) {
  if (read.barrier != Barrier::none) asking_.push_back(reads_end());
  if (read.barrier == Barrier::unasked) ++unasked_;
  reads_.push_back(std::move(read));
  ++waiting_;
}

void PendingReads::asked() {
  unasked_ = 0;
  for (const std::uint64_t number : asking_) {
    if (number >= first_ && at(number).barrier == Barrier::unasked)
      at(number).barrier = Barrier::asked;
  }
}

std::size_t PendingReads::answered(const Result<Position>& end) {
  std::size_t count = 0;
  // By index, as a sink may add reads while it is told of one.
  for (std::size_t i = 0; i < asking_.size(); ++i) {  // NOLINT(modernize-loop-convert)
    if (asking_[i] < first_) continue;
    Read& read = at(asking_[i]);
    if (read.barrier != Barrier::asked) continue;
    read.barrier = Barrier::known;
    ++count;
    if (end) {
      read.end = *end;
    } else if (!read.done) {
      finish(read, end.error());
    }
  }
  return count;
}

void PendingReads::run_ready(Position applied, Place settled) {
  std::uint64_t undone = first_;                      // the first that is not done
  for (std::size_t i = 0; i < asking_.size(); ++i) {  // NOLINT(modernize-loop-convert)
    const std::uint64_t number = asking_[i];
    if (number < first_) continue;
    Read& read = at(number);
    if (read.done || read.barrier != Barrier::known || read.end > applied) continue;
    if (read.behind) {
      while (at(undone).done) ++undone;
      if (number != undone || read.place > settled) continue;
    }
    finish_by_running(read);
  }
  forget_done();
}

void PendingReads::entry_failed(std::uint64_t sequence) {
  for (std::uint64_t number = next_; number != reads_end(); ++number) {
    Read& read = at(number);
    if (read.place.sequence > sequence) break;
    if (read.done || read.barrier != Barrier::none) continue;
    read.barrier = Barrier::unasked;
    asking_.push_back(number);
    ++unasked_;
  }
  std::sort(asking_.begin(), asking_.end());
}

std::size_t PendingReads::expire(Monotonic now) {
  std::size_t count = 0;
  for (std::uint64_t number = first_; number != reads_end(); ++number) {
    Read& read = at(number);
    if (read.deadline > now) break;
    if (read.done) continue;
    finish(read, {Code::unavailable, "the log's end was not known in time"});
    ++count;
  }
  forget_done();
  return count;
}

void PendingReads::fail_all(const Error& error) {
  for (std::uint64_t number = first_; number != reads_end(); ++number) {
    if (!at(number).done) finish(at(number), error);
  }
  forget_done();
}

void PendingReads::settle(Read& read) {
  read.done = true;
  --waiting_;
  if (read.barrier == Barrier::unasked) {
    read.barrier = Barrier::none;
    --unasked_;
  }
}

void PendingReads::finish_by_running(Read& read) {
  if (read.done) return;
  settle(read);
  // Moved out: a sink that comes back with another read must not meet these.
  std::string bytes = std::move(reply_);
  bytes.clear();
  Reply reply(bytes);
  const ReadNow run = std::move(read.run);
  const Ticket ticket = read.ticket;
  run(reply);
  replies_.complete(ticket, bytes, Replay::none);
  reply_ = std::move(bytes);
}

void PendingReads::finish(Read& read, const Error& error) {
  settle(read);
  read.run = nullptr;
  std::string bytes;
  Reply(bytes).error(error);
  replies_.complete(read.ticket, bytes, Replay::none);
}

void PendingReads::forget_done() {
  while (!reads_.empty() && reads_.front().done) {
    reads_.pop_front();
    ++first_;
  }
  next_ = std::max(next_, first_);
  std::erase_if(asking_, [&](std::uint64_t number) { return number < first_ || at(number).done; });
}

}  // namespace holdfast::strong
