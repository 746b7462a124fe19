// SPDX-License-Identifier: Apache-2.0
#include "node/others_caches.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/limits.h"
#include "base/logging.h"
#include "base/reply.h"

namespace holdfast::node {
namespace {

// One of what all nodes say when a node is late lands first: the others ask again only if none did.
constexpr Millis between_words{500};

}  // namespace

void OthersCaches::complete(Ticket ticket, std::string_view reply, Replay replay) {
  if ((held_.empty() && !parts_.keepers.any_but(parts_.node)) || parts_.is_own(ticket))
    return parts_.replies.complete(ticket, reply, replay);
  Held one{.ticket = ticket, .reply = std::string(reply), .replay = replay, .position = {}};
  if (held_bytes_ + one.bytes() > limits::held_replies_bytes_max) {
    ++counters_.given_up;
    std::string text;
    Reply(text).error({Code::unknown,
                       "it was carried out, but caches at other nodes may not have "
                       "been told of it yet, and too much waits for that"});
    return parts_.replies.complete(ticket, text, Replay::none);
  }
  ++counters_.held;
  held_bytes_ += one.bytes();
  held_.push_back(std::move(one));
  ++unsettled_;
}

// A word may be ahead of the entry that makes its node a keeper: those are kept, too.
void OthersCaches::told(std::string_view node, Position position) {
  const auto found = told_.find(node);
  if (found != told_.end()) {
    found->second = std::max(found->second, position);
    return;
  }
  if (told_.size() >= limits::members_max)
    std::erase_if(told_,
                  [&](const auto& one) { return parts_.keepers.find(one.first) == nullptr; });
  told_.emplace(node, position);
}

void OthersCaches::turn(Position applied, Monotonic now) {
  for (; unsettled_ > 0; --unsettled_) {
    Held& one = held_[held_.size() - unsettled_];
    one.position = applied;
    one.at = now;
  }
  follow(now);
  let_go(now);
  see_to_late(now);
}

void OthersCaches::follow(Monotonic now) {
  const auto& keepers = parts_.keepers.all();
  std::erase_if(others_, [&](const auto& other) { return !keepers.contains(other.first); });
  for (const auto& [node, keeper] : keepers) {
    if (node == parts_.node) continue;
    Other& other = others_[node];
    if (other.number == keeper.number) continue;
    other = {.number = keeper.number, .leaving = keeper.leaving, .since = now, .not_before = {}};
  }
}

Position OthersCaches::told_of(std::string_view node) const {
  const auto word = told_.find(node);
  return word == told_.end() ? Position{} : word->second;
}

Position OthersCaches::told_by_all(Monotonic now) const {
  Position least{std::numeric_limits<std::uint64_t>::max()};
  for (const auto& [node, other] : others_) {
    if (other.leaving && now - other.since > times_.patience) continue;
    least = std::min(least, told_of(node));
  }
  return least;
}

void OthersCaches::let_go(Monotonic now) {
  if (held_.empty()) return;
  const Position told = told_by_all(now);
  while (!held_.empty()) {
    Held& first = held_.front();
    // Whoever has not told by then what was applied here before has cut its clients' caches.
    if (first.position > told && now - first.at <= times_.patience) return;
    held_bytes_ -= first.bytes();
    const Held one = std::move(first);
    held_.pop_front();
    parts_.replies.complete(one.ticket, one.reply, one.replay);
  }
}

void OthersCaches::see_to_late(Monotonic now) {
  for (const auto& [node, other] : others_) {
    if (other.saying || now < other.not_before) continue;
    if (other.leaving) {
      if (now - other.since > times_.patience) say(node, CacheChange::forget, now);
      continue;
    }
    const Position told = told_of(node);
    const auto waits =
        std::ranges::find_if(held_, [&](const Held& one) { return one.position > told; });
    if (waits == held_.end() || now - waits->at <= times_.late) continue;
    logging::warning(
        "'{}' has caches, and does not say in time that they have been told of a "
        "write: it is to cut them",
        node);
    say(node, CacheChange::put_out, now);
  }
}

void OthersCaches::say(const std::string& node, CacheChange change, Monotonic now) {
  Other& other = others_[node];
  other.saying = true;
  other.not_before = now + between_words;
  parts_.append(caches_operation(node, change, other.number), [this, node, number = other.number] {
    const auto found = others_.find(node);
    if (found != others_.end() && found->second.number == number) found->second.saying = false;
  });
}

}  // namespace holdfast::node
