// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace holdfast::cli {

/// `holdfast verify`: puts a cluster, the user's or one of its own, under load
/// and faults, and checks what its clients saw. Exit codes are `check`'s.
void add_verify_command(CLI::App& app, int& exit_code);

}  // namespace holdfast::cli
