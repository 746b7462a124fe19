// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace holdfast::function {

/// What a call may still do, in units of about one Lua instruction. Counted, not timed: every
/// node must come to the same end of it.
class Work {
 public:
  explicit Work(std::uint64_t units) : left_(units) {}

  /// False, for good, when more was asked for than was left.
  bool spend(std::uint64_t units) {
    if (units > left_) {
      left_ = 0;
      spent_ = true;
    } else {
      left_ -= units;
    }
    return !spent_;
  }
  bool spent() const { return spent_; }
  std::uint64_t left() const { return left_; }

 private:
  std::uint64_t left_;
  bool spent_ = false;
};

}  // namespace holdfast::function
