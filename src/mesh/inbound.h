// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "mesh/frame.h"

namespace holdfast::mesh {

/// What one peer sends of its log: finds the entries in its frames and hands
/// them over, each until it is taken. Decides only. One thread.
class Inbound {
 public:
  /// Takes an entry. kBusy or kUnavailable: not now; it is offered again by
  /// retry(). Any other error is for good.
  using Receive = std::function<Status(std::string_view entry)>;
  explicit Inbound(Receive receive) : receive_(std::move(receive)) {}

  /// Takes a frame of type entries, packed or part; not while stalled(). kCorrupt: it
  /// is malformed. Else `receive`'s error that is for good.
  Status take(const Frame& frame);

  /// An entry waits to be taken: no frame can be read before retry() ends that.
  bool stalled() const { return !waiting_.empty(); }
  Status retry();
  /// Why, while stalled.
  const Error& reason() const { return reason_; }

 private:
  Status hand_over(std::string_view body);

  Receive receive_;
  std::string parts_;    // of an entry larger than a frame
  std::string waiting_;  // what is left of an entries frame's body
  Error reason_;
};

}  // namespace holdfast::mesh
