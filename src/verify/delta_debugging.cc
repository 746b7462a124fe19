// SPDX-License-Identifier: Apache-2.0
#include "verify/delta_debugging.h"

#include <algorithm>

namespace holdfast::verify {
namespace {

struct Parts {
  std::size_t things;
  std::size_t count;

  /// Marks the part, or all but the part.
  std::vector<bool> marks(std::size_t part, bool inside) const {
    std::vector<bool> marked(things, !inside);
    for (std::size_t i = things * part / count; i < things * (part + 1) / count; ++i) {
      marked[i] = inside;
    }
    return marked;
  }
};

/// Whether the attempt to keep one part alone has worked.
bool keep_one(Parts& parts, const Attempt& attempt) {
  for (std::size_t part = 0; part < parts.count; ++part) {
    const auto left = attempt(parts.marks(part, false));
    if (!left) continue;
    parts = {*left, 2};
    return true;
  }
  return false;
}

/// Whether some part has gone.
bool leave_one(Parts& parts, const Attempt& attempt) {
  bool smaller = false;
  for (std::size_t part = 0; part < parts.count && parts.things > 1;) {
    const auto left = attempt(parts.marks(part, true));
    if (left) {
      smaller = true;
      parts = {*left, std::min(std::max<std::size_t>(parts.count - 1, 2), *left)};
    } else {
      ++part;
    }
  }
  return smaller;
}

}  // namespace

void minimize(std::size_t things, const Attempt& attempt) {
  Parts parts{things, 2};
  while (parts.things > 1) {
    parts.count = std::min(parts.count, parts.things);
    if (keep_one(parts, attempt)) continue;
    // Of two parts, to leave the one is to keep the other.
    if (parts.count > 2 && leave_one(parts, attempt)) continue;
    if (parts.count == parts.things) return;
    parts.count *= 2;
  }
}

}  // namespace holdfast::verify
