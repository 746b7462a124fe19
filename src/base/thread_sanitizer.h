// SPDX-License-Identifier: Apache-2.0
#pragma once

#if defined(HOLDFAST_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

/// Tells the thread sanitizer of an order that a library gives unseen by it:
/// what a thread does before release(x) comes before what another does after
/// acquire(x). Nothing in other builds.
namespace holdfast::thread_sanitizer {

#if defined(HOLDFAST_THREAD_SANITIZER)
inline void release(void* address) {
  __tsan_release(address);
}
inline void acquire(void* address) {
  __tsan_acquire(address);
}
#else
inline void release(void*) {}
inline void acquire(void*) {}
#endif

}  // namespace holdfast::thread_sanitizer
