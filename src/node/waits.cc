// SPDX-License-Identifier: Apache-2.0
#include "node/waits.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/limits.h"

namespace holdfast::node {

namespace {

constexpr Millis between_tries{10};

}  // namespace

Status Waits::add(Ticket ticket, Monotonic until, Try attempt) {
  if (waiting_.size() >= limits::waits_max)
    return fail(Code::busy, "too many commands wait already");
  waiting_.push_back({ticket, until, std::move(attempt)});
  return {};
}

void Waits::turn(Monotonic now, ReplySink& replies) {
  if (waiting_.empty() || now < next_at()) return;
  tried_ = now;
  // Whatever an answer sets off comes into another list.
  std::vector<Waiting> waiting = std::exchange(waiting_, {});
  for (Waiting& one : waiting) {
    std::string text;
    Reply reply(text);
    if (one.attempt(now >= one.until, reply)) {
      replies.complete(one.ticket, text, Replay::none);
    } else {
      waiting_.push_back(std::move(one));
    }
  }
}

void Waits::forget(const std::function<bool(Ticket)>& is_gone) {
  std::erase_if(waiting_, [&](const Waiting& one) { return is_gone(one.ticket); });
}

Monotonic Waits::next_at() const {
  if (waiting_.empty()) return Monotonic::max();
  Monotonic next = tried_ + between_tries;
  for (const Waiting& one : waiting_) next = std::min(next, one.until);
  return next;
}

}  // namespace holdfast::node
