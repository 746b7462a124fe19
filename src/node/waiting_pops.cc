// SPDX-License-Identifier: Apache-2.0
#include "node/waiting_pops.h"

#include "base/assert.h"
#include "base/reply.h"

namespace holdfast::node {

WaitingPops::~WaitingPops() = default;

template <typename Each>
void WaitingPops::for_each_awaited(const Request& request, Each each) {
  const std::vector<std::string_view> args(request.args.begin(), request.args.end());
  bool first = true;
  for_each_key(*request.row, args, [&](std::string_view key) {
    if (first || !request.row->waits.at_first_key_only) each(key);
    first = false;
  });
}

Status WaitingPops::add(Request request, bool tried) {
  if (stopped_) return tl::unexpected(*stopped_);
  const std::uint64_t number = ++last_number_;
  const auto one = waiting_.try_emplace(number).first;
  Waiting& waiting = one->second;
  waiting.request = std::move(request);
  const Request& taken = waiting.request;
  if (!tried) {
    if (Status s = host_.attempt(taken, Attempt::first, number); !s) {
      waiting_.erase(one);
      return s;
    }
    waiting.trying = true;
  }
  std::unique_ptr<Keyspace>& keyspace = keyspaces_[taken.keyspace.value];
  if (keyspace == nullptr) keyspace = std::make_unique<Keyspace>(host_.table(taken.keyspace));
  for_each_awaited(
      taken, [&](std::string_view key) { keyspace->queues[std::string(key)].insert(number); });
  by_ticket_[{taken.ticket.connection, taken.ticket.sequence}] = number;
  if (taken.deadline) deadlines_.emplace(*taken.deadline, number);
  if (!taken.request_id.empty()) {
    waiting.id = make_id_key(taken.caller, taken.request_id);
    ids_.emplace(std::pair(taken.keyspace.value, waiting.id->hash), number);
  }
  return {};
}

void WaitingPops::tried(std::uint64_t number, std::string_view reply, Replay replay) {
  const auto one = waiting_.find(number);
  HF_ASSERT(one != waiting_.end() && one->second.trying);
  Waiting& waiting = one->second;
  waiting.trying = false;
  if (waiting.abandoned) return remove(one);
  // Null that was recorded is an outcome: an earlier try's time was over.
  if (waiting.final || replay != Replay::none || !is_null(reply)) return finish(one, reply, replay);
  if (waiting.over) return end_with(one, *waiting.over);
  if (waiting.end != End::none) end(one, waiting.end);
}

void WaitingPops::attempt(All::iterator one, Attempt kind) {
  Waiting& waiting = one->second;
  waiting.trying = true;
  waiting.final = kind >= Attempt::last;
  attempted_ = true;
  if (Status s = host_.attempt(waiting.request, kind, one->first); !s) end_with(one, s.error());
}

/// With a request id, that it has come to nothing is for the log to say: elsewhere another try of
/// it may have taken something.
void WaitingPops::end(All::iterator one, End how) {
  const Waiting& waiting = one->second;
  if (waiting.id) return attempt(one, how == End::time ? Attempt::last : Attempt::unblocked);
  std::string text;
  Reply reply(text);
  how == End::time ? reply.null_array() : reply.raw_error(unblocked);
  finish(one, text, Replay::none);
}

void WaitingPops::end_with(All::iterator one, const Error& error) {
  std::string text;
  Reply(text).error(error);
  finish(one, text, Replay::none);
}

void WaitingPops::finish(All::iterator one, std::string_view reply, Replay replay) {
  const Ticket ticket = one->second.request.ticket;
  remove(one);
  host_.answer(ticket, reply, replay);
}

void WaitingPops::forget_client(All::iterator one) {
  const Request& request = one->second.request;
  by_ticket_.erase({request.ticket.connection, request.ticket.sequence});
  if (request.deadline) deadlines_.erase({*request.deadline, one->first});
}

void WaitingPops::remove(All::iterator one) {
  const Waiting& waiting = one->second;
  forget_client(one);
  const auto in = keyspaces_.find(waiting.request.keyspace.value);
  Keyspace& keyspace = *in->second;
  for_each_awaited(waiting.request, [&](std::string_view key) {
    const auto queue = keyspace.queues.find(key);
    if (queue == keyspace.queues.end()) return;  // it named the key twice
    queue->second.erase(one->first);
    if (queue->second.empty()) {
      keyspace.queues.erase(queue);
    } else {
      keyspace.due.emplace(key);  // what it did not take may be for the next
    }
  });
  if (keyspace.queues.empty()) keyspaces_.erase(in);
  if (waiting.id) {
    const auto [first, last] = ids_.equal_range({waiting.request.keyspace.value, waiting.id->hash});
    for (auto other = first; other != last; ++other) {
      if (other->second != one->first) continue;
      ids_.erase(other);
      break;
    }
  }
  waiting_.erase(one);
}

WaitingPops::All::iterator WaitingPops::find(Ticket ticket) {
  const auto found = by_ticket_.find({ticket.connection, ticket.sequence});
  return found == by_ticket_.end() ? waiting_.end() : waiting_.find(found->second);
}

void WaitingPops::abandon(Ticket ticket) {
  const auto one = find(ticket);
  if (one == waiting_.end()) return;
  if (!one->second.trying) return remove(one);
  one->second.abandoned = true;
  forget_client(one);
}

bool WaitingPops::unblock(Ticket ticket, bool as_error) {
  const auto one = find(ticket);
  if (one == waiting_.end() || one->second.final || one->second.end != End::none) return false;
  const End how = as_error ? End::error : End::time;
  if (one->second.trying) {
    one->second.end = how;
  } else {
    end(one, how);
  }
  return true;
}

void WaitingPops::give_up(const Error& error) {
  for (auto one = waiting_.begin(); one != waiting_.end();) {
    const auto next = std::next(one);
    if (one->second.trying) {
      one->second.over = error;
    } else {
      end_with(one, error);
    }
    one = next;
  }
}

void WaitingPops::stop(const Error& error) {
  stopped_ = error;
  give_up(error);
}

void WaitingPops::forget(KeyspaceId keyspace) {
  const auto in = keyspaces_.find(keyspace.value);
  if (in == keyspaces_.end()) return;
  in->second->table->remove_listener(*in->second);
  in->second->table = nullptr;
}

void WaitingPops::recorded(KeyspaceId keyspace, const IdKey& id) {
  if (ids_.empty()) return;
  const auto [first, last] = ids_.equal_range({keyspace.value, id.hash});
  for (auto one = first; one != last; ++one) due_.insert(one->second);
}

void WaitingPops::serve(KeyspaceId keyspace, Keyspace& in, const std::string& key) {
  const auto queue = in.queues.find(key);
  if (queue == in.queues.end() || in.table == nullptr) return;
  const auto held = host_.held(keyspace, key);
  if (!held) return;
  std::size_t items = held->items;
  // An attempt that cannot be made ends its request, and changes the queue.
  std::vector<All::iterator> next;
  for (const std::uint64_t number : queue->second) {
    if (items == 0) break;
    const auto one = waiting_.find(number);
    if (one->second.request.row->waits.type != held->type) continue;
    --items;
    // One that is under way was made before this is served, so it will find what is there now.
    if (!one->second.trying) next.push_back(one);
  }
  for (const auto one : next) attempt(one, Attempt::again);
}

bool WaitingPops::turn(Monotonic now) {
  attempted_ = false;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto one = waiting_.find(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    if (one->second.end != End::none || one->second.final) continue;
    if (one->second.trying) {
      one->second.end = End::time;
    } else {
      end(one, End::time);
    }
  }
  if (std::exchange(catalog_changed_, false)) {
    for (auto one = waiting_.begin(); one != waiting_.end();) {
      const auto next = std::next(one);
      if (!one->second.trying && !host_.still_admits(one->second.request))
        attempt(one, Attempt::again);
      one = next;
    }
  }
  for (const std::uint64_t number : std::exchange(due_, {})) {
    const auto one = waiting_.find(number);
    if (one != waiting_.end() && !one->second.trying) attempt(one, Attempt::again);
  }
  std::vector<std::pair<std::uint32_t, std::string>> keys;
  for (const auto& [keyspace, in] : keyspaces_) {
    for (const std::string& key : std::exchange(in->due, {})) keys.emplace_back(keyspace, key);
  }
  for (const auto& [keyspace, key] : keys) {
    if (const auto in = keyspaces_.find(keyspace); in != keyspaces_.end())
      serve({keyspace}, *in->second, key);
  }
  return attempted_;
}

std::optional<Monotonic> WaitingPops::wanted_at() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

}  // namespace holdfast::node
