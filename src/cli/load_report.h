// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "base/latencies.h"

namespace holdfast::cli {

/// What a load came to.
struct LoadReport {
  std::uint64_t operations = 0;  // rows times repeats
  std::uint64_t sent = 0;        // tries, those that were lost included
  std::uint64_t applied = 0;
  std::uint64_t replayed = 0;
  std::uint64_t failed = 0;  // ended neither applied nor replayed
  std::uint64_t lost_connections = 0;
  std::map<std::string, std::uint64_t> errors;  // answers by code, those tried again included
  Latencies latencies;                          // of answered tries
  std::chrono::nanoseconds elapsed{0};
  bool complete = false;  // the file was sent to its end

  bool all_well() const { return complete && failed == 0 && applied + replayed == operations; }
  std::string table() const;
  std::string json() const;
};

/// One line of how far it is: `[=====>    ]  42%  81,234/s  3 s left …`, or
/// without the bar when `width` is 0.
std::string progress_line(const LoadReport& so_far, double progress, double operations_per_second,
                          int width);

/// 1234567 as "1,234,567".
std::string with_thousands(std::uint64_t n);

}  // namespace holdfast::cli
