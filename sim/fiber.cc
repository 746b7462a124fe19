// SPDX-License-Identifier: Apache-2.0
#include "sim/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <utility>

#include "base/assert.h"

#if defined(HOLDFAST_ADDRESS_SANITIZER)
#include <sanitizer/common_interface_defs.h>
#define HF_STACK_SWITCH 1
#endif

namespace holdfast::sim {
namespace {

constexpr std::size_t stack_bytes = std::size_t{1} << 20;
constexpr std::size_t guard_bytes = std::size_t{64} << 10;

}  // namespace

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)) {
  stack_ = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  HF_ASSERT(stack_ != MAP_FAILED);
  HF_ASSERT(mprotect(stack_, guard_bytes, PROT_NONE) == 0);
  HF_ASSERT(getcontext(&inside_) == 0);
  inside_.uc_stack.ss_sp = static_cast<char*>(stack_) + guard_bytes;
  inside_.uc_stack.ss_size = stack_bytes;
  inside_.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&inside_, reinterpret_cast<void (*)()>(&Fiber::start), 2, static_cast<unsigned>(self),
              static_cast<unsigned>(self >> 32));
}

Fiber::~Fiber() {
  HF_ASSERT(finished_ || !begun_);
  munmap(stack_, guard_bytes + stack_bytes);
}

void Fiber::start(unsigned low, unsigned high) {
  reinterpret_cast<Fiber*>(std::uintptr_t{high} << 32 | low)->run();
}

void Fiber::run() {
#ifdef HF_STACK_SWITCH
  __sanitizer_finish_switch_fiber(nullptr, &outside_bottom_, &outside_size_);
#endif
  body_();
  finished_ = true;
#ifdef HF_STACK_SWITCH
  __sanitizer_start_switch_fiber(nullptr, outside_bottom_, outside_size_);
#endif
  swapcontext(&inside_, &outside_);
}

void Fiber::resume() {
  HF_ASSERT(!finished_);
  begun_ = true;
#ifdef HF_STACK_SWITCH
  __sanitizer_start_switch_fiber(&fake_outside_, inside_.uc_stack.ss_sp, stack_bytes);
#endif
  swapcontext(&outside_, &inside_);
#ifdef HF_STACK_SWITCH
  __sanitizer_finish_switch_fiber(fake_outside_, nullptr, nullptr);
#endif
}

void Fiber::yield() {
#ifdef HF_STACK_SWITCH
  __sanitizer_start_switch_fiber(&fake_inside_, outside_bottom_, outside_size_);
#endif
  swapcontext(&inside_, &outside_);
#ifdef HF_STACK_SWITCH
  __sanitizer_finish_switch_fiber(fake_inside_, &outside_bottom_, &outside_size_);
#endif
}

}  // namespace holdfast::sim
