// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace holdfast::cli {

/// `holdfast serve`: runs a node. Flags and the TOML file's keys are the same
/// names; a flag wins over the file.
void add_serve_command(CLI::App& app, int& exit_code);

}  // namespace holdfast::cli
