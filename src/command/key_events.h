// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// Keyspace events: what is told of keys that change, in Redis' names
/// (redis.io/docs/manual/keyspace-notifications).
namespace holdfast::key_events {

/// The channels that they are told on: this, and the key, tells the event; or this, and the event,
/// the key. Redis counts databases; here is one.
inline constexpr std::string_view of_key = "__keyspace@0__:";
inline constexpr std::string_view of_event = "__keyevent@0__:";

}  // namespace holdfast::key_events
