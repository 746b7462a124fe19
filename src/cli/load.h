// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace holdfast::cli {

/// `holdfast load`: replays a CSV or TSV file as operations. The exit code is 0
/// only where every row ended applied or replayed.
void add_load_command(CLI::App& app, int& exit_code);

}  // namespace holdfast::cli
