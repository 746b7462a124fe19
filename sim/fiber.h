// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>

namespace holdfast::sim {

/// Code that waits, on a stack of its own: whoever resumes it goes on when it
/// yields. All on one thread.
class Fiber {
 public:
  /// `body` runs with the first resume(); it lets no exception out.
  explicit Fiber(std::function<void()> body);
  /// It must have finished, or never have begun.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Runs it until it yields or has finished. Not from within it.
  void resume();
  /// From within it.
  void yield();
  bool finished() const { return finished_; }

 private:
  static void start(unsigned low, unsigned high);
  void run();

  std::function<void()> body_;
  void* stack_ = nullptr;
  ucontext_t inside_{};
  ucontext_t outside_{};
  bool begun_ = false;
  bool finished_ = false;
  // What AddressSanitizer has to be told of stacks.
  void* fake_inside_ = nullptr;
  void* fake_outside_ = nullptr;
  const void* outside_bottom_ = nullptr;
  std::size_t outside_size_ = 0;
};

}  // namespace holdfast::sim
