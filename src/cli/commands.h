// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace holdfast::cli {

/// `holdfast commands`: the command table as a page, docs/commands.md.
void add_commands_command(CLI::App& app, int& exit_code);

}  // namespace holdfast::cli
