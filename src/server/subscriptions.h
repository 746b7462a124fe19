// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/string_hash.h"
#include "base/units.h"
#include "command/messages.h"

namespace holdfast::server {

/// Whom a message is for: everybody who may be here, or one service alone.
struct Audience {
  std::optional<ServiceId> only;
};

/// What can be subscribed to.
enum class Topic : std::uint8_t { channel = 0, pattern = 1, shard_channel = 2 };
inline constexpr std::size_t topics = 3;

inline Topic topic_of(ChannelKind kind) {
  return kind == ChannelKind::usual ? Topic::channel : Topic::shard_channel;
}

/// One who can subscribe. What it has is kept by Subscriptions.
class Subscriber {
 public:
  Subscriber();
  virtual ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  /// Whether it may hear what is for these, and can hear anything.
  virtual bool hears(const Audience& audience) = 0;
  /// A message as RESP3 has it: a push. It may not subscribe or unsubscribe here. Returns whether
  /// it was taken.
  virtual bool hear(std::string_view push) = 0;

  /// How many it is subscribed to.
  std::size_t count(Topic topic) const;
  bool is_subscribed() const { return held_ != nullptr; }

 private:
  friend class Subscriptions;
  struct Held;
  std::unique_ptr<Held> held_;  // null: nothing
};

/// Who has subscribed to which channels and patterns of a node. Pure. One thread. Subscribers
/// forget() before they go.
class Subscriptions {
 public:
  Subscriptions();
  ~Subscriptions();
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;

  /// Nothing happens where it has already. kErr: it has too many. O(1).
  Status subscribe(Subscriber& subscriber, Topic topic, std::string_view name);
  /// Nothing happens where it has not. O(1).
  void unsubscribe(Subscriber& subscriber, Topic topic, std::string_view name);
  /// What it has, in no order.
  std::vector<std::string> names_of(const Subscriber& subscriber, Topic topic) const;
  void forget(Subscriber& subscriber);

  /// Gives the message to those of the channel, then to those of patterns that match it, once for
  /// each, and to each only if it is for him. How many took it. O(subscribers of the channel, and
  /// patterns).
  std::uint64_t deliver(const Message& message, const Audience& audience);

  /// Whether anybody could hear anything.
  bool any() const { return subscribers_ > 0; }
  /// How many connections have subscribed to something.
  std::size_t subscribers() const { return subscribers_; }
  /// How many have subscribed to this.
  std::size_t count(Topic topic, std::string_view name) const;
  /// How many different ones have subscribers.
  std::size_t size(Topic topic) const { return by_name_[index(topic)].size(); }
  void for_each(Topic topic, absl::FunctionRef<void(std::string_view name)> each) const;

  struct Counters {
    std::uint64_t published = 0;  // messages that came here, to be delivered
    std::uint64_t delivered = 0;  // taken by subscribers
  };
  const Counters& counters() const { return counters_; }

 private:
  using Listeners = std::vector<Subscriber*>;  // in the order in which they came, but for gaps

  static constexpr std::size_t index(Topic topic) { return static_cast<std::size_t>(topic); }
  void remove(Topic topic, std::string_view name, std::size_t place);
  std::uint64_t give(const Listeners& to, const Audience& audience, std::string_view push);
  void leave_if_without(Subscriber& subscriber);

  std::array<StringMap<Listeners>, topics> by_name_;
  std::size_t subscribers_ = 0;
  Counters counters_;
  std::string push_;  // its room is kept
};

}  // namespace holdfast::server
