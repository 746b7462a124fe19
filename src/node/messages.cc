// SPDX-License-Identifier: Apache-2.0
#include "node/messages.h"

#include "base/limits.h"

namespace holdfast::node {

std::uint64_t Messages::publish(const Message& message) {
  if (parts_.send) parts_.send(message);
  return subscriptions_.deliver(message, parts_.audience(message.channel));
}

void Messages::heard(const Message& message) {
  subscriptions_.deliver(message, parts_.audience(message.channel));
}

void Messages::tell(const Message& message) {
  hold(message, std::nullopt);
}

void Messages::tell_event(const Message& message, const server::Audience& audience) {
  ++counters_.events;
  if (!subscriptions_.any()) return;
  hold(message, audience);
}

void Messages::hold(const Message& message, std::optional<server::Audience> audience) {
  Held one{message.kind, std::string(message.channel), std::string(message.text), audience, {}};
  if (held_bytes_ + one.bytes() > limits::messages_held_bytes_max) {
    ++counters_.dropped;
    return;
  }
  held_bytes_ += one.bytes();
  held_.push_back(std::move(one));
  ++unsettled_;
}

void Messages::settle(Position position) {
  for (; unsettled_ > 0; --unsettled_) held_[held_.size() - unsettled_].position = position;
}

void Messages::release(Position synced, bool lost) {
  unsettled_ = 0;
  while (!held_.empty()) {
    const Held& first = held_.front();
    const bool is_safe = first.position <= synced;
    if (!is_safe && !lost) return;
    if (!is_safe) {
      ++counters_.dropped;
    } else {
      const Message message{first.kind, first.channel, first.text};
      first.audience ? subscriptions_.deliver(message, *first.audience) : publish(message);
    }
    held_bytes_ -= first.bytes();
    held_.pop_front();
  }
}

}  // namespace holdfast::node
