// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace holdfast::internal {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "holdfast: assertion failed, this is a bug: %s (%s:%d)\n", expression, file,
               line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace holdfast::internal
