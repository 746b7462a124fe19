// SPDX-License-Identifier: Apache-2.0
#include "node/eventual_side.h"

#include <utility>

#include "base/assert.h"
#include "base/logging.h"

namespace holdfast::node {
namespace {

// Of entries that were merged; more are written at once.
constexpr std::size_t gathered_bytes_max = 64_KiB;

// What the effects of these calls can take in an entry, at most: every argument
// once, and the key and an operation's frame again for each.
std::size_t entry_bytes_bound(const eventual::Replica::Request& request) {
  constexpr std::size_t frame_bytes = 96;
  std::size_t bytes = frame_bytes + request.request_id.size();
  for (const auto& call : request.calls) {
    const std::size_t key_bytes = call.args.size() > 1 ? call.args[1].size() : 0;
    for (const std::string_view arg : call.args) bytes += arg.size() + key_bytes + frame_bytes;
  }
  return bytes;
}

}  // namespace

EventualSide::EventualSide(eventual::Replica& replica, DiskLog& log, ReplySink& replies,
                           Options options)
    : replica_(replica), log_(log), replies_(replies), options_(std::move(options)) {}

bool EventualSide::write(const eventual::Replica::Request& request, Durable& keyspace,
                         Ticket ticket, Instant wall, Monotonic now, Reply& reply) {
  if (held_bytes_ > options_.queued_bytes_max) {
    reply.error({Code::busy, "too many replies wait for the disk"});
    return true;
  }
  // The operation acts on the table before its entry is appended, so the room
  // is made sure of first: a full disk refuses here, with nothing changed.
  const std::size_t bytes = replica_.open_bytes() + entry_bytes_bound(request);
  if (bytes > limits::entry_bytes_max) {
    reply.error({Code::err, "the command is larger than an entry of the log can be"});
    return true;
  }
  if (Status room = log_.reserve(bytes); !room) {
    reply.error(room.error());
    return true;
  }
  const eventual::Replica::Executed executed = replica_.execute(request, wall, reply);
  if (!executed.wrote) {
    if (executed.replay == Replay::none) return shown(keyspace, ticket, now, reply);
    hold(ticket, keyspace.last_write, now, Code::unknown, executed.replay, reply);
    return false;
  }
  const Position position = open_position();
  if (keyspace.durability == Durability::always) {
    open_durability_ = Durability::always;
    keyspace.last_write = position;
    hold(ticket, position, now, Code::unknown, executed.replay, reply);
    return false;
  }
  if (executed.replay == Replay::none) {
    open_replied_ = true;
    return true;
  }
  hold(ticket, Position{}, now, Code::unknown, executed.replay, reply);
  return false;
}

bool EventualSide::shown(const Durable& keyspace, Ticket ticket, Monotonic now, Reply& reply) {
  // With the disk lost, what is here is all there is: reads go on, and say what
  // the replica has.
  if (keyspace.last_write <= log_.synced() || log_.lost()) return true;
  // A read changes nothing, so nothing is in doubt about it.
  hold(ticket, keyspace.last_write, now, Code::unavailable, Replay::none, reply);
  return false;
}

void EventualSide::hold(Ticket ticket, Position position, Monotonic now, Code in_doubt,
                        Replay replay, Reply& reply) {
  held_bytes_ += reply.written().size();
  held_.push_back(Held{ticket, position, now + options_.request_timeout, in_doubt, replay,
                       std::string(reply.written())});
  reply.clear();
}

// Nothing is merged while it is open.
Position EventualSide::open_position() const {
  return {log_.last().value + merged_.size() + 1};
}

void EventualSide::append_open() {
  if (replica_.open_bytes() == 0) {
    if (!merged_.empty()) append_gathered({}, 0);
    return;
  }
  const std::size_t merged_before = merged_.size();
  taking_ = true;  // what had to wait for the entry's end is merged by that
  const std::string entry = replica_.take_entry();
  taking_ = false;
  append_gathered(entry, merged_before);
  open_durability_ = Durability::everysec;
  open_replied_ = false;
}

/// What was merged, and `own` at its place among that. Empty: there is none.
void EventualSide::append_gathered(std::string_view own, std::size_t own_place) {
  std::vector<std::string_view> all(merged_.begin(), merged_.end());
  if (!own.empty()) all.insert(all.begin() + static_cast<std::ptrdiff_t>(own_place), own);
  const Position before = log_.last();
  const Result<Position> appended = log_.append_all(all, open_durability_);
  const std::size_t written = log_.last().value - before.value;
  HF_ASSERT(!appended || written == all.size());
  const bool own_is_lost = !own.empty() && written <= own_place;
  if (own_is_lost) {
    // Applied, but not in the log: held replies of it will say UNKNOWN, those
    // already in output buffers must not leave.
    logging::error("origin log: an entry could not be written: {}", appended.error().message);
    has_unlogged_ = true;
    if (open_replied_) options_.on_broken();
  }
  const std::size_t merged_lost = all.size() - written - (own_is_lost ? 1 : 0);
  if (merged_lost > 0 && !lost_merged_) {
    logging::error("origin log: what was merged could not be written: {}",
                   appended.error().message);
    lost_merged_ = appended.error();
    has_unlogged_ = true;
  }
  merged_.clear();
  merged_bytes_ = 0;
}

void EventualSide::append_merged(std::string_view entry) {
  merged_.emplace_back(entry);
  merged_bytes_ += entry.size();
  log_.claim(entry.size());
  if (!taking_ && (!gathers_ || merged_bytes_ >= gathered_bytes_max)) append_gathered({}, 0);
}

void EventualSide::release() {
  const Position synced = log_.synced();
  while (!held_.empty() && held_.front().position <= synced) {
    Held& first = held_.front();
    replies_.complete(first.ticket, first.reply, first.replay);
    held_bytes_ -= first.reply.size();
    held_.pop_front();
  }
}

void EventualSide::turn(Monotonic now) {
  append_open();
  gathers_ = false;
  release();
  // After a failed sync nothing that is held will ever be known to be on disk.
  const bool lost = log_.lost();
  while (!held_.empty() && (lost || held_.front().deadline <= now)) {
    Held& first = held_.front();
    std::string text;
    Reply(text).error({first.in_doubt, lost ? "the log's disk failed while this was under way"
                                            : "the disk did not answer in time"});
    replies_.complete(first.ticket, text, Replay::none);
    held_bytes_ -= first.reply.size();
    held_.pop_front();
  }
}

}  // namespace holdfast::node
