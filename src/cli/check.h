// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace holdfast::cli {

/// `holdfast check FILE…`: looks for an order of operations that explains
/// recorded histories; docs/history.md. `exit_code`: 0 ok, 1 a violation, 2
/// undecided or the history is invalid, 64 wrong usage.
void add_check_command(CLI::App& app, int& exit_code);

/// What that does with these files; its exit code.
int check_files(const std::vector<std::string>& files, bool json);

}  // namespace holdfast::cli
