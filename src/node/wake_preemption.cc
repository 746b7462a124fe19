// SPDX-License-Identifier: Apache-2.0
#include "node/wake_preemption.h"

#include <utility>

namespace holdfast::node {

std::optional<bool> WakePreemption::sample(Monotonic now, Duration ran) {
  const std::optional<Monotonic> began = std::exchange(sampled_, now);
  const Duration used = ran - std::exchange(ran_, ran);
  next_ = now + interval;
  if (!began || now <= *began) return std::nullopt;
  const Duration whole = now - *began;
  const bool preempts =
      preempts_ ? 100 * used < busy_percent * whole : 100 * used < idle_percent * whole;
  if (std::exchange(preempts_, preempts) == preempts) return std::nullopt;
  return preempts;
}

}  // namespace holdfast::node
