// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "verify/check.h"

// A history file: read, and what is valid checked with few steps.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::verify;  // NOLINT: a program of one function
  History history;
  if (!read_history({reinterpret_cast<const char*>(data), size}, history)) return 0;
  for (const Operation& one : history.operations) {
    HF_ASSERT(!one.commands.empty() && !one.commands.front().empty());
    HF_ASSERT(one.outcome != Outcome::applied || one.end);
    HF_ASSERT(!one.end || *one.end >= one.start);
  }
  const auto report = check(std::move(history), {.steps_max = 2'000});
  if (!report) return 0;
  HF_ASSERT(report->verdict() != Verdict::ok || report->violations.empty());
  for (const auto& violation : report->violations) HF_ASSERT(!violation.explanation.empty());
  return 0;
}
