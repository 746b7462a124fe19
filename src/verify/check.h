// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "verify/linearizable.h"
#include "verify/summary.h"

namespace holdfast::verify {

/// Everything that is checked of a history: docs/history.md.
struct Report {
  Summary summary;
  std::uint64_t operations = 0;  // after merging tries
  std::uint64_t unknown = 0;     // of them
  std::uint64_t components = 0;  // checked apart
  std::uint64_t keys = 0;
  std::uint64_t counters = 0;        // compared with what they held in the end
  std::uint64_t eventual_reads = 0;  // compared with what had to show
  std::uint64_t steps = 0;

  struct Violation {
    std::string check;  // linearizable, retries, exactly once, agreement, causal, lost, unwritten
    std::string explanation;  // lines
  };
  std::vector<Violation> violations;
  std::vector<Violation> undecided;  // how far the search came

  /// A violation outweighs what is undecided or does not count.
  Verdict verdict() const;
  bool counts() const { return summary.complaints.empty(); }
};

struct CheckOptions {
  Model model = Model::any;
  std::uint64_t steps_max = steps_max_default;  // of each component
};

/// An error: the history is invalid.
Result<Report> check(History history, const CheckOptions& options = {});

inline constexpr std::size_t component_keys_shown_max = 5;

}  // namespace holdfast::verify
