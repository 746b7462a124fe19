// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace holdfast::cli {

/// Whether an error may pass, so that the same request can be sent again: it
/// says that nothing was applied, or (UNKNOWN) that the request id protects.
bool may_pass(std::string_view error_code);

/// How long to wait before the next try: doubles from 10 ms to 1 s, each
/// between half and the whole of it, so that callers do not come back in step.
class Backoff {
 public:
  explicit Backoff(std::uint64_t seed) : random_(seed | 1) {}
  std::chrono::milliseconds next();
  void reset() { tries_ = 0; }

 private:
  std::uint64_t random_;
  int tries_ = 0;
};

}  // namespace holdfast::cli
