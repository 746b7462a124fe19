// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast {

/// Where a reply belongs: a connection and the place of the command in it.
struct Ticket {
  std::uint64_t connection = 0;
  std::uint64_t sequence = 0;
};

/// Whether a reply is of this request's own run.
enum class Replay : std::uint8_t {
  none,    // it is
  reply,   // the first try's reply, given again
  effect,  // eventual: the effect is once, the reply this replica's view
};

/// Where finished requests go. On the owner's thread.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  /// Ignored when the connection is gone. The view lives for the call only.
  virtual void complete(Ticket ticket, std::string_view canonical_reply, Replay replay) = 0;
};

}  // namespace holdfast
