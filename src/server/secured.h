// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/limits.h"
#include "tls/channel.h"

namespace holdfast::server {

/// What a connection over TLS has more than a plain one.
struct Secured {
  explicit Secured(tls::Channel between) : channel(std::move(between)) {}

  tls::Channel channel;
  std::array<char, limits::read_buffer_bytes> wire;  // as the socket gave it
  bool agreed = false;                               // once it was
  int seconds = 0;                                   // without that
};

/// Counts those with whom TLS was not agreed, and logs them at a bounded rate.
class TlsFailures {
 public:
  void note(std::string_view address, std::string_view why);
  /// A second has passed.
  void tick() { lines_logged_ = 0; }
  std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
  int lines_logged_ = 0;  // in this second
};

}  // namespace holdfast::server
