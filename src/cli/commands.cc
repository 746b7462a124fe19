// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "command/reference.h"
#include "node/command_table.h"

namespace holdfast::cli {

void add_commands_command(CLI::App& app, int& exit_code) {
  CLI::App* commands = app.add_subcommand("commands", "Print the reference of all commands");
  commands->add_flag("--markdown")->description("As Markdown (the only form there is)");
  commands->callback([&exit_code] {
    const auto table = node::make_command_table();
    fmt::print("{}", command_reference(*table));
    exit_code = 0;
  });
}

}  // namespace holdfast::cli
