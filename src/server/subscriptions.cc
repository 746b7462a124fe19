// SPDX-License-Identifier: Apache-2.0
#include "server/subscriptions.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/reply.h"
#include "command/glob.h"

namespace holdfast::server {
namespace {

constexpr std::size_t push_kept_max = 64_KiB;

std::string_view word_of(Topic topic) {
  switch (topic) {
    case Topic::channel:
      return "message";
    case Topic::pattern:
      return "pmessage";
    case Topic::shard_channel:
      return "smessage";
  }
  return "";
}

}  // namespace

/// Where it stands among each name's listeners.
struct Subscriber::Held {
  std::array<StringMap<std::size_t>, topics> places;
  std::size_t bytes = 0;  // of the names
  std::size_t size() const { return places[0].size() + places[1].size() + places[2].size(); }
};

Subscriber::Subscriber() = default;
Subscriber::~Subscriber() {
  HF_ASSERT(held_ == nullptr);
}

std::size_t Subscriber::count(Topic topic) const {
  return held_ == nullptr ? 0 : held_->places[static_cast<std::size_t>(topic)].size();
}

Subscriptions::Subscriptions() = default;
Subscriptions::~Subscriptions() = default;

Status Subscriptions::subscribe(Subscriber& subscriber, Topic topic, std::string_view name) {
  if (subscriber.held_ != nullptr) {
    const Subscriber::Held& held = *subscriber.held_;
    if (held.places[index(topic)].contains(name)) return {};
    if (held.size() == limits::subscriptions_max ||
        held.bytes + name.size() > limits::subscription_bytes_max)
      return fail(Code::err, "too many subscriptions of one connection");
  } else {
    if (name.size() > limits::subscription_bytes_max)
      return fail(Code::err, "too long a name to subscribe to");
    subscriber.held_ = std::make_unique<Subscriber::Held>();
    ++subscribers_;
  }
  Listeners& listeners = by_name_[index(topic)][std::string(name)];
  subscriber.held_->places[index(topic)].emplace(std::string(name), listeners.size());
  subscriber.held_->bytes += name.size();
  listeners.push_back(&subscriber);
  return {};
}

void Subscriptions::unsubscribe(Subscriber& subscriber, Topic topic, std::string_view name) {
  if (subscriber.held_ == nullptr) return;
  auto& places = subscriber.held_->places[index(topic)];
  const auto found = places.find(name);
  if (found == places.end()) return;
  remove(topic, name, found->second);
  subscriber.held_->bytes -= found->first.size();
  places.erase(found);
  leave_if_without(subscriber);
}

// The last takes its place, so that leaving a channel of many takes no walk over all of them.
void Subscriptions::remove(Topic topic, std::string_view name, std::size_t place) {
  const auto found = by_name_[index(topic)].find(name);
  HF_ASSERT(found != by_name_[index(topic)].end());
  Listeners& listeners = found->second;
  HF_ASSERT(place < listeners.size());
  if (place + 1 != listeners.size()) {
    listeners[place] = listeners.back();
    listeners[place]->held_->places[index(topic)].find(name)->second = place;
  }
  listeners.pop_back();
  if (listeners.empty()) by_name_[index(topic)].erase(found);
}

void Subscriptions::leave_if_without(Subscriber& subscriber) {
  if (subscriber.held_->size() > 0) return;
  subscriber.held_.reset();
  --subscribers_;
}

std::vector<std::string> Subscriptions::names_of(const Subscriber& subscriber, Topic topic) const {
  std::vector<std::string> names;
  if (subscriber.held_ == nullptr) return names;
  for (const auto& [name, place] : subscriber.held_->places[index(topic)]) names.push_back(name);
  return names;
}

void Subscriptions::forget(Subscriber& subscriber) {
  if (subscriber.held_ == nullptr) return;
  for (const Topic topic : {Topic::channel, Topic::pattern, Topic::shard_channel}) {
    for (const auto& [name, place] : subscriber.held_->places[index(topic)])
      remove(topic, name, place);
  }
  subscriber.held_.reset();
  --subscribers_;
}

std::uint64_t Subscriptions::deliver(const Message& message, const Audience& audience) {
  ++counters_.published;
  if (subscribers_ == 0) return 0;
  std::uint64_t taken = 0;
  const Topic topic = topic_of(message.kind);
  const auto found = by_name_[index(topic)].find(message.channel);
  if (found != by_name_[index(topic)].end()) {
    push_.clear();
    Reply push(push_);
    push.push(3);
    push.bulk(word_of(topic));
    push.bulk(message.channel);
    push.bulk(message.text);
    taken += give(found->second, audience, push_);
  }
  if (message.kind == ChannelKind::usual) {
    for (const auto& [pattern, listeners] : by_name_[index(Topic::pattern)]) {
      if (!command::glob_match(pattern, message.channel)) continue;
      push_.clear();
      Reply push(push_);
      push.push(4);
      push.bulk(word_of(Topic::pattern));
      push.bulk(pattern);
      push.bulk(message.channel);
      push.bulk(message.text);
      taken += give(listeners, audience, push_);
    }
  }
  if (push_.capacity() > push_kept_max) push_ = std::string();
  counters_.delivered += taken;
  return taken;
}

std::uint64_t Subscriptions::give(const Listeners& to, const Audience& audience,
                                  std::string_view push) {
  std::uint64_t taken = 0;
  for (Subscriber* const one : to) {
    if (one->hears(audience) && one->hear(push)) ++taken;
  }
  return taken;
}

std::size_t Subscriptions::count(Topic topic, std::string_view name) const {
  const auto found = by_name_[index(topic)].find(name);
  return found == by_name_[index(topic)].end() ? 0 : found->second.size();
}

void Subscriptions::for_each(Topic topic,
                             absl::FunctionRef<void(std::string_view name)> each) const {
  for (const auto& [name, listeners] : by_name_[index(topic)]) each(name);
}

}  // namespace holdfast::server
