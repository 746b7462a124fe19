// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "verify/check.h"

namespace holdfast::cli {

inline constexpr int exit_violation = 1;
inline constexpr int exit_undecided = 2;
inline constexpr int exit_usage = 64;  // EX_USAGE of sysexits.h

/// 0 where the history is right and counts.
int exit_code_of(const verify::Report& report);
/// ok, violation, undecided, or invalid: it does not count.
const char* verdict_word(const verify::Report& report);

/// To standard output. `seconds`: what the checking took.
void print_table(const verify::Report& report, double seconds);
void print_json(const verify::Report& report, double seconds);

/// In place of what the file held.
Status write_file(const std::string& name, const std::string& text);

}  // namespace holdfast::cli
