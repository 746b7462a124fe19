// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace holdfast::cli {

/// `holdfast lab`: a cluster on loopback to break and to watch, in a browser or
/// as a script. Exit codes: 0 what the guarantees promise held; 1 it did not; 2 it
/// could not be played; 64 wrong usage.
void add_lab_command(CLI::App& app, int& exit_code);

}  // namespace holdfast::cli
