// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "cli/check.h"
#include "cli/commands.h"
#include "cli/lab.h"
#include "cli/load.h"
#include "cli/serve.h"
#include "cli/verify.h"

#ifdef HOLDFAST_JEMALLOC
// Pages that a checkpoint or a burst needed go back to the kernel soon, by a
// thread of the allocator's own.
extern "C" const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";
#endif

int main(int argc, char** argv) {
  CLI::App app("Holdfast: state for services, with the guarantee each piece of it needs");
  app.name("holdfast");
  app.set_version_flag("--version", fmt::format("holdfast {}", holdfast::product_version));
  app.require_subcommand(1);
  int exit_code = 0;
  holdfast::cli::add_serve_command(app, exit_code);
  holdfast::cli::add_load_command(app, exit_code);
  holdfast::cli::add_check_command(app, exit_code);
  holdfast::cli::add_verify_command(app, exit_code);
  holdfast::cli::add_lab_command(app, exit_code);
  holdfast::cli::add_commands_command(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 has a code for each mistake; sysexits.h has one for them all.
    return app.exit(error) == 0 ? 0 : 64;
  }
  return exit_code;
}
