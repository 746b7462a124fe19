// SPDX-License-Identifier: Apache-2.0
#include "strong/sequencer.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/limits.h"
#include "base/logging.h"
#include "strong/log_clock.h"

namespace holdfast::strong {
namespace {

struct Waiting {
  Ticket ticket;
  Monotonic deadline;
  std::size_t end;  // the builder's position behind the operation
};

// What a deferred read takes, roughly, with its closure.
constexpr std::size_t read_bytes = 256;

// Of what an append or a question takes, at most so much is waited for more to gather.
constexpr auto gather_share(Monotonic::duration takes) {
  return takes * 2 / 3;
}

/// With nothing under way to the log, what came waits a moment for the callers that were answered
/// last: each may be about to ask again.
class Gathering {
 public:
  /// `max` 0: nothing is waited for.
  explicit Gathering(std::chrono::microseconds max) : max_(max) {}
  bool is_on() const { return max_.count() != 0; }
  /// So many were answered or wait, of what took so long.
  void expect(std::size_t callers, Monotonic::duration took, Monotonic now) {
    if (!is_on()) return;
    average_ += (took - average_) / 8;
    expected_ = callers;
    until_ = now + std::min<Monotonic::duration>(max_, gather_share(average_));
  }
  bool waits_for_more(std::size_t gathered, Monotonic now) const {
    return gathered < expected_ && now < until_;
  }
  Monotonic until() const { return until_; }

 private:
  std::chrono::microseconds max_;
  std::size_t expected_ = 0;
  Monotonic until_{};
  Monotonic::duration average_{};
};

struct Entry {
  std::uint64_t sequence = 0;  // also the append's token and its name's counter
  Monotonic appended_at{};
  bool appended = false;
  Durability durability = Durability::everysec;
  EntryBuilder builder;
  std::vector<Waiting> operations;
  std::size_t first = 0;     // those before it were given up before the append
  std::size_t answered = 0;  // those before it have been
  std::size_t reached = 0;   // those before it were applied or given up
  std::size_t bytes = 0;
};

}  // namespace

struct Sequencer::Impl final : LogFollower, Machine::Observer {
  Impl(Log& log_, Machine& machine_, ReplySink& replies_, Options options_)
      : log(log_),
        machine(machine_),
        replies(replies_),
        options(std::move(options_)),
        writers(options.gather_max),
        reads(replies_),
        readers(options.gather_max) {}

  void on_entry(const LogEntry& entry) override;
  void on_append_failed(std::uint64_t token, const Error& error) override;
  void on_applied(std::size_t index, std::string_view reply, Replay replay) override;

  Status write(const Write& write, Ticket ticket, Monotonic now);
  std::size_t entry_bytes_target() const {
    return std::min<std::size_t>(limits::entry_bytes_target, log.entry_bytes_max() - 1_KiB);
  }
  Entry& entry_with_room(std::size_t bytes);
  bool append_gathered(Instant wall, Monotonic now);
  bool gathers_more(const Entry& entry, Monotonic now) const;
  void expect_callers(const Entry& answered);
  bool asks_now(Monotonic now) const {
    return reads.wants_question() && !question_under_way &&
           !readers.waits_for_more(reads.unasked(), now);
  }
  void ask();
  void take_answer();
  void deliver(Monotonic now);
  void expire(Monotonic now);
  void writes_next(const Entry& entry, std::size_t i) const;
  void answer(Entry& entry, std::size_t up_to, const Error& error);
  void fail(std::size_t i, const Error& error);
  void remove(std::size_t i);
  void stop(const Error& error);
  Entry* open() { return entries.empty() || entries.back().appended ? nullptr : &entries.back(); }
  Place next_place() {
    const Entry* entry = open();
    return entry != nullptr ? Place{entry->sequence, entry->operations.size()}
                            : Place{next_sequence, 0};
  }
  Place settled_place() const {
    return entries.empty() ? Place{next_sequence, 0}
                           : Place{entries.front().sequence, entries.front().reached};
  }
  std::size_t appended_count() const {
    std::size_t count = 0;
    while (count < entries.size() && entries[count].appended) ++count;
    return count;
  }

  Log& log;
  Machine& machine;
  ReplySink& replies;
  const Options options;
  Counters counters;
  Latencies append_latencies;
  Status broken;  // why everything is refused: an entry of the log is none

  std::deque<Entry> entries;  // appended ones first; the last takes more unless appended
  std::vector<Entry> spare;   // done, kept for their memory
  std::uint64_t next_sequence = 1;
  std::size_t unanswered = 0;
  std::size_t bytes = 0;
  bool in_turn = false;
  Monotonic turn_at{};
  Gathering writers;
  Entry* applying = nullptr;
  LogClock clock;

  PendingReads reads;
  Gathering readers;
  Monotonic asked_at{};
  bool question_under_way = false;
  std::optional<Result<Position>> end_answer;
};

Status Sequencer::Impl::write(const Write& write, Ticket ticket, Monotonic now) {
  if (!broken) return broken;
  const std::size_t bound = EntryBuilder::bytes_bound(write.request_id, write.calls, write.watched);
  if (bound > log.entry_bytes_max() - 1_KiB)
    return holdfast::fail(Code::err, "the command is larger than an entry of the log can be");
  if (bytes + bound > options.queued_bytes_max)
    return holdfast::fail(Code::busy, "too much waits for the log");
  if (write.calls.size() > limits::transaction_commands_max ||
      write.watched.size() > limits::watched_keys_max) {
    return holdfast::fail(Code::err, "the transaction is too long");
  }
  if (write.transaction && write.keyspace.value == 0)
    return holdfast::fail(Code::err, "the catalog has no transactions");
  for (const EntryBuilder::Part& call : write.calls) {
    if (!loggable(*call.row, write.keyspace, write.transaction))
      return holdfast::fail(Code::err, "the command cannot be part of this");
    if (Status fits = check_arity(*call.row, call.args); !fits) return fits;
  }
  Entry& entry = entry_with_room(bound);
  const std::size_t before = entry.builder.bytes();
  entry.builder.add(write.keyspace, write.caller, write.request_id, write.calls, write.transaction,
                    write.watched, write.attempt);
  entry.operations.push_back({ticket, now + options.request_timeout, entry.builder.position()});
  if (write.durability == Durability::always) entry.durability = Durability::always;
  const std::size_t added = entry.builder.bytes() - before + sizeof(Waiting);
  entry.bytes += added;
  bytes += added;
  ++unanswered;
  return {};
}

Entry& Sequencer::Impl::entry_with_room(std::size_t more) {
  Entry* entry = open();
  if (entry != nullptr && (entry->builder.operations() == 0 ||
                           (entry->builder.operations() < limits::entry_operations_max &&
                            entry->builder.bytes() + more <= entry_bytes_target()))) {
    return *entry;
  }
  if (spare.empty()) {
    entries.emplace_back();
  } else {
    entries.push_back(std::move(spare.back()));
    spare.pop_back();
  }
  entries.back().sequence = next_sequence++;
  return entries.back();
}

bool Sequencer::Impl::gathers_more(const Entry& entry, Monotonic now) const {
  const std::size_t operations = entry.builder.operations();
  return operations < options.large_entry_operations && writers.waits_for_more(operations, now);
}

void Sequencer::Impl::expect_callers(const Entry& answered) {
  const Entry* waiting = open();
  writers.expect(answered.operations.size() - answered.first +
                     (waiting != nullptr ? waiting->operations.size() : 0),
                 turn_at - answered.appended_at, turn_at);
}

bool Sequencer::Impl::append_gathered(Instant wall, Monotonic now) {
  bool any = false;
  std::size_t i = appended_count();
  while (i < entries.size() && i < options.appends_in_flight_max) {
    Entry& entry = entries[i];
    if (entry.builder.operations() == 0) {  // all given up
      remove(i);
      continue;
    }
    const bool last = i + 1 == entries.size();
    if (last && i >= options.small_appends_in_flight_max &&
        entry.builder.operations() < options.large_entry_operations) {
      break;
    }
    if (last && i == 0 && gathers_more(entry, now)) break;
    entry.appended = true;
    entry.appended_at = now;
    const AppendName name{options.incarnation, entry.sequence};
    const Status taken = log.append(entry.builder.take(name, clock.now(wall, now)), entry.sequence,
                                    entry.durability);
    any = true;
    if (taken) {
      ++i;
    } else {
      fail(i, taken.error());
    }
  }
  return any;
}

void Sequencer::Impl::on_entry(const LogEntry& delivered) {
  if (!broken) return;
  applying = nullptr;
  for (Entry& entry : entries) {
    if (!entry.appended || delivered.token == 0) break;
    if (entry.sequence == delivered.token) applying = &entry;
  }
  // Reads that came before this entry was appended see all up to here.
  if (applying != nullptr) reads.reached({applying->sequence, applying->first});
  if (applying != nullptr) writes_next(*applying, applying->first);
  const Result<bool> applied =
      machine.apply(delivered.position, delivered.payload, applying != nullptr ? this : nullptr);
  if (applying != nullptr && options.on_writer) options.on_writer(0);
  if (!applied) {
    stop({Code::unavailable, "entry " + std::to_string(delivered.position.value) +
                                 " of the strong log is damaged: " + applied.error().message});
    return;
  }
  if (*applied) ++counters.entries;
  if (applying == nullptr) return;
  const std::uint64_t sequence = std::exchange(applying, nullptr)->sequence;
  const auto entry = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& e) { return e.sequence == sequence; });
  const auto i = static_cast<std::size_t>(entry - entries.begin());
  if (*applied) {
    append_latencies.record(turn_at - entries[i].appended_at);
    expect_callers(entries[i]);
    remove(i);
  } else {
    // A copy of it was applied before, or a later entry of ours was: which of
    // the two is not known here.
    fail(i, {Code::unknown, "the log delivered the entry out of its order"});
  }
}

void Sequencer::Impl::on_applied(std::size_t index, std::string_view reply, Replay replay) {
  Entry& entry = *applying;
  ++counters.operations;
  if (replay != Replay::none) ++counters.replayed;
  const std::size_t i = entry.first + index;
  HF_ASSERT(i < entry.operations.size());
  entry.reached = i + 1;
  if (i >= entry.answered) {
    entry.answered = i + 1;
    --unanswered;
    (options.applied != nullptr ? *options.applied : replies)
        .complete(entry.operations[i].ticket, reply, replay);
  }
  reads.reached({entry.sequence, i + 1});
  writes_next(entry, i + 1);
}

void Sequencer::Impl::writes_next(const Entry& entry, std::size_t i) const {
  if (options.on_writer && i < entry.operations.size())
    options.on_writer(entry.operations[i].ticket.connection);
}

void Sequencer::Impl::on_append_failed(std::uint64_t token, const Error& error) {
  for (std::size_t i = 0; i < entries.size() && entries[i].appended; ++i) {
    if (entries[i].sequence == token) {
      fail(i, error);
      return;
    }
  }
}

void Sequencer::Impl::answer(Entry& entry, std::size_t up_to, const Error& error) {
  if (entry.answered >= up_to) return;
  std::string text;
  Reply(text).error(error);
  while (entry.answered < up_to) {
    const Ticket ticket = entry.operations[entry.answered++].ticket;
    --unanswered;
    replies.complete(ticket, text, Replay::none);
  }
}

void Sequencer::Impl::fail(std::size_t i, const Error& error) {
  const std::uint64_t sequence = entries[i].sequence;
  answer(entries[i], entries[i].operations.size(), error);
  remove(i);
  reads.entry_failed(sequence);
}

void Sequencer::Impl::remove(std::size_t i) {
  Entry& entry = entries[i];
  bytes -= entry.bytes;
  EntryBuilder builder = std::move(entry.builder);
  std::vector<Waiting> operations = std::move(entry.operations);
  operations.clear();
  entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
  if (spare.size() <= options.appends_in_flight_max && builder.bytes() == 0) {
    Entry& kept = spare.emplace_back();
    kept.builder = std::move(builder);
    kept.operations = std::move(operations);
  }
}

void Sequencer::Impl::deliver(Monotonic now) {
  log.deliver();
  clock.applied(machine.time(), now);
  take_answer();
}

void Sequencer::Impl::expire(Monotonic now) {
  const std::uint64_t before = unanswered;
  // By index, as a sink may write while it is told of one.
  for (std::size_t i = 0; i < entries.size(); ++i) {  // NOLINT(modernize-loop-convert)
    Entry& entry = entries[i];
    std::size_t late = entry.answered;
    while (late < entry.operations.size() && entry.operations[late].deadline <= now) ++late;
    const bool all = late == entry.operations.size();
    if (entry.appended) {
      answer(entry, late, {Code::unknown, "the log did not answer in time"});
    } else if (late > entry.first) {
      const std::size_t end = entry.operations[late - 1].end;
      const std::size_t size = entry.builder.bytes();
      entry.builder.drop_front(late - entry.first, end);
      const std::size_t freed =
          size - entry.builder.bytes() + (late - entry.first) * sizeof(Waiting);
      entry.bytes -= freed;
      bytes -= freed;
      entry.first = late;
      entry.reached = late;
      answer(entry, late, {Code::unavailable, "the log did not take it in time"});
      reads.entry_failed(entry.sequence);
    }
    if (!all) break;
  }
  counters.timeouts += before - unanswered + reads.expire(now);
}

void Sequencer::Impl::stop(const Error& error) {
  logging::error("{}", error.message);
  broken = tl::unexpected<Error>(error);
  applying = nullptr;
  while (!entries.empty()) {
    const bool perhaps = entries.front().appended;
    fail(0, {perhaps ? Code::unknown : Code::unavailable, error.message});
  }
  reads.fail_all(error);
}

void Sequencer::Impl::ask() {
  question_under_way = true;
  asked_at = turn_at;
  log.end(options.request_timeout,
          [this](Result<Position> end) { end_answer.emplace(std::move(end)); });
}

void Sequencer::Impl::take_answer() {
  if (!end_answer) return;
  const Result<Position> end = *std::exchange(end_answer, std::nullopt);
  question_under_way = false;
  const std::size_t answered = reads.answered(end);
  readers.expect(answered + reads.unasked(), turn_at - asked_at, turn_at);
}

Sequencer::Sequencer(Log& log, Machine& machine, ReplySink& replies, Options options)
    : impl_(std::make_unique<Impl>(log, machine, replies, std::move(options))) {}
Sequencer::~Sequencer() = default;

Status Sequencer::start(std::string_view place) {
  if (Status followed = impl_->log.follow(impl_->machine.applied(), place, *impl_); !followed)
    return followed;
  if (!impl_->broken) return holdfast::fail(Code::corrupt, impl_->broken.error().message);
  return {};
}

Status Sequencer::write(const Write& write, Ticket ticket, Monotonic now) {
  return impl_->write(write, ticket, now);
}

bool Sequencer::read(bool behind, Ticket ticket, Monotonic now, Reply& reply,
                     absl::FunctionRef<void(Reply&)> run, absl::FunctionRef<ReadNow()> keep) {
  Impl& s = *impl_;
  if (!s.broken) {
    reply.error(s.broken.error());
    return true;
  }
  using Barrier = PendingReads::Barrier;
  const Entry* open = s.open();
  PendingReads::Read read;
  read.place = s.next_place();
  read.behind = behind;
  // Behind a write that is still to be appended, its entry is barrier enough.
  const bool needs_end = !behind || open == nullptr || open->builder.operations() == 0;
  if (needs_end && (s.question_under_way || s.readers.is_on())) {
    read.barrier = Barrier::unasked;  // the turn asks for all that came
  } else if (needs_end) {
    s.ask();
    read.barrier = Barrier::asked;
    if (s.end_answer) {
      const Result<Position> end = *std::exchange(s.end_answer, std::nullopt);
      s.question_under_way = false;
      if (!end) {
        reply.error(end.error());
        return true;
      }
      const bool nothing_before = s.reads.waiting() == 0 && read.place <= s.settled_place();
      if (*end <= s.machine.applied() && (!behind || nothing_before)) {
        run(reply);
        return true;
      }
      read.barrier = Barrier::known;
      read.end = *end;
    }
  }
  if (s.bytes + s.reads.waiting() * read_bytes > s.options.queued_bytes_max) {
    reply.error({Code::busy, "too much waits for the log"});
    return true;
  }
  read.ticket = ticket;
  read.deadline = now + s.options.request_timeout;
  read.run = keep();
  s.reads.add(std::move(read));
  return false;
}

bool Sequencer::is_current(bool behind) {
  Impl& s = *impl_;
  const std::optional<Position> end = s.log.known_end();
  return s.broken && end && *end <= s.machine.applied() &&
         (!behind || (s.reads.waiting() == 0 && s.next_place() <= s.settled_place()));
}

void Sequencer::turn(Instant wall, Monotonic now) {
  Impl& s = *impl_;
  if (s.in_turn) return;  // a sink that calls back
  s.in_turn = true;
  s.turn_at = now;
  s.deliver(now);
  s.expire(now);
  for (bool more = s.broken.has_value(); more;) {
    more = s.append_gathered(wall, now);
    if (s.asks_now(now)) {
      s.reads.asked();
      s.ask();
      more = true;
    }
    if (!more) break;
    s.deliver(now);
  }
  s.reads.run_ready(s.machine.applied(), s.settled_place());
  s.in_turn = false;
}

std::optional<Monotonic> Sequencer::wanted_at() const {
  Impl& s = *impl_;
  std::optional<Monotonic> wanted;
  if (s.reads.wants_question() && !s.question_under_way)  // at once, if it came since the turn
    wanted = s.asks_now(s.turn_at) ? s.turn_at : s.readers.until();
  const Entry* open = s.open();
  if (open != nullptr && s.entries.size() == 1 && s.gathers_more(*open, s.turn_at))
    wanted = std::min(wanted.value_or(Monotonic::max()), s.writers.until());
  return wanted;
}

Instant Sequencer::time(Instant wall, Monotonic now) const {
  return std::max(impl_->clock.now(wall, now), impl_->machine.time());
}

Status Sequencer::writable() const {
  if (!impl_->broken) return impl_->broken;
  if (queued_bytes() > impl_->options.queued_bytes_max)
    return holdfast::fail(Code::busy, "too much waits for the log");
  return impl_->log.writable();
}

std::size_t Sequencer::queued_bytes() const {
  return impl_->bytes + impl_->reads.waiting() * read_bytes;
}

bool Sequencer::idle() const {
  return impl_->unanswered == 0 && impl_->reads.waiting() == 0;
}

const Sequencer::Counters& Sequencer::counters() const {
  return impl_->counters;
}

const Latencies& Sequencer::append_latencies() const {
  return impl_->append_latencies;
}

}  // namespace holdfast::strong
