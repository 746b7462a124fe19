// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>

/// Which of their seeds tests of random schedules run: HOLDFAST_SEEDS=n the first
/// n of them, HOLDFAST_SEED=s one, and what happens in it is printed.
namespace holdfast::eventual::testing {

inline std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

inline const bool tracing = setting("HOLDFAST_SEED", 0) != 0;

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t last = 0;
};
/// `usual`: how many without either.
inline Seeds seeds(std::uint64_t usual) {
  if (const std::uint64_t one = setting("HOLDFAST_SEED", 0); one != 0) return {one, one};
  return {1, setting("HOLDFAST_SEEDS", usual)};
}

}  // namespace holdfast::eventual::testing
