// SPDX-License-Identifier: Apache-2.0
#include "node/own_caches.h"

#include <fmt/format.h>

#include <utility>

#include "base/logging.h"

namespace holdfast::node {
namespace {

constexpr Millis between_words{500};

// Monotonic::min() is no moment that can be reckoned with.
bool is_within(Millis time, Monotonic since, Monotonic now) {
  return since != Monotonic::min() && now - since <= time;
}

}  // namespace

// What this node has given up it may still find in the log for a while.
bool OwnCaches::is_keeper() const {
  const CacheKeepers::Keeper* const self = parts_.keepers.find(parts_.node);
  return self != nullptr && !self->leaving && self->number != ended_;
}

bool OwnCaches::may_keep(Monotonic now) const {
  return is_keeper() && is_within(times_.lease, sure_at_, now);
}

Result<bool> OwnCaches::want(Monotonic now) {
  wanted_at_ = now;
  if (now < not_before_) {
    return fail(Code::unavailable,
                "other nodes do not hear of this one in time: for some seconds "
                "its clients can keep no caches");
  }
  return may_keep(now);
}

void OwnCaches::turn(bool kept, Monotonic now) {
  const bool keeper = is_keeper();
  if (std::exchange(was_keeper_, keeper) && !keeper) {
    logging::warning(
        "another node has not heard of this one in time: its clients' caches are cut off");
    not_before_ = now + times_.pause;
  }
  const bool wanted = kept || is_within(times_.linger, wanted_at_, now);
  if (!saying_ && now >= say_at_) say_what_is_wanted(wanted, now);
  if (asking_ || !wanted || now < ask_at_) return;
  asking_ = true;
  ask_at_ = now + times_.between_questions;
  parts_.confirm([this, now](bool sure) {
    asking_ = false;
    if (sure) sure_at_ = now;
  });
}

void OwnCaches::say_what_is_wanted(bool wanted, Monotonic now) {
  if (wanted) {
    if (!is_keeper() && now >= not_before_) say(CacheChange::begin, 0, now);
    return;
  }
  // Until the log says so, too: an answer that never came may mean either.
  const CacheKeepers::Keeper* const self = parts_.keepers.find(parts_.node);
  if (self == nullptr || self->leaving) return;
  ended_ = self->number;
  was_keeper_ = false;
  say(CacheChange::end, ended_, now);
}

void OwnCaches::say(CacheChange change, std::uint64_t number, Monotonic now) {
  saying_ = true;
  say_at_ = now + between_words;
  parts_.append(caches_operation(parts_.node, change, number),
                [this](std::string_view) { saying_ = false; });
}

}  // namespace holdfast::node
