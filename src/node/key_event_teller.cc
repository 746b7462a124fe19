// SPDX-License-Identifier: Apache-2.0
#include "node/key_event_teller.h"

#include "node/keyspace_states.h"

namespace holdfast::node {

void KeyEventTeller::happened(key_events::Kind kind, std::string_view event, std::string_view key) {
  if ((kinds_ & kind) == 0) return;
  const server::Audience audience = keyspaces_.audience_of(catalog_.of_key(key));
  const auto tell = [&](std::string_view prefix, std::string_view on, std::string_view text) {
    channel_ = prefix;
    channel_ += on;
    messages_.tell_event({ChannelKind::usual, channel_, text}, audience);
  };
  if ((kinds_ & key_events::by_key) != 0) tell(key_events::of_key, key, event);
  if ((kinds_ & key_events::by_event) != 0) tell(key_events::of_event, event, key);
}

void KeyEventTeller::tell_expired(Instant strong_time, Instant eventual_time) {
  if (sink() == nullptr || (kinds_ & key_events::expired) == 0)
    return due_.pass(strong_time, eventual_time);
  due_.for_each(keyspaces_, strong_time, eventual_time,
                [&](std::string_view key) { happened(key_events::expired, "expired", key); });
}

}  // namespace holdfast::node
