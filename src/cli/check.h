// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace holdfast::cli {

/// `holdfast check FILE…`: looks for an order of operations that explains
/// recorded histories; docs/history.md. `exit_code`: 0 ok, 1 a violation, 2
/// undecided or the history is invalid, 64 wrong usage.
void add_check_command(CLI::App& app, int& exit_code);

}  // namespace holdfast::cli
