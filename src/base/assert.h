// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace holdfast::internal {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;
}

/// Ends the process when a condition that only our own bug can break does not
/// hold. Stays on in release: a stopped node is repaired from its log, a wrong
/// one spreads. What the world can cause is a Result, never an assertion.
#define HF_ASSERT(condition)                         \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::holdfast::internal::assertion_failed(#condition, __FILE__, __LINE__))
