// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace holdfast {

/// Channels of two kinds, whose names have nothing to do with one another: Redis' usual ones and
/// its shard channels (SPUBLISH), which differ in nothing else here.
enum class ChannelKind : std::uint8_t { usual = 0, shard = 1 };

/// What a channel's subscribers hear. The views live for the call only.
struct Message {
  ChannelKind kind = ChannelKind::usual;
  std::string_view channel;
  std::string_view text;
};

/// Takes the messages of an operation: what it tells others is told where it is carried out for
/// whoever asked, once, and nowhere else.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  /// kNoPermission: that channel is not the operation's to speak on. The same on every node.
  virtual Status check(const Message& message) const = 0;
  virtual void publish(const Message& message) = 0;
};

}  // namespace holdfast
