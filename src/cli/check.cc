// SPDX-License-Identifier: Apache-2.0
#include "cli/check.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "cli/load_report.h"
#include "cli/mapped_file.h"
#include "cli/verdict.h"
#include "verify/check.h"
#include "verify/history_lines.h"
#include "verify/shrink.h"

namespace holdfast::cli {
namespace {

struct Flags {
  std::vector<std::string> files;
  std::string model = "auto";
  std::uint64_t steps_max = verify::steps_max_default;
  bool json = false;
  std::string smallest;  // a file; empty: not asked for
};

int fail_with(const std::string& message, int code) {
  fmt::print(stderr, "holdfast check: {}\n", message);
  return code;
}

/// Writes the smallest history that shows the first violation, if there is one.
/// The verdict stands, whether it can be written or not.
void write_smallest(const verify::History& history, const verify::Report& report,
                    const Flags& flags) {
  if (flags.smallest.empty() || report.violations.empty()) return;
  const verify::History smallest =
      verify::shrink(history, report.violations[0].check, {.steps_max = flags.steps_max});
  std::ofstream file(flags.smallest, std::ios::binary | std::ios::trunc);
  file << verify::to_lines(smallest) << std::flush;
  // Not among the output: that may be JSON.
  if (!file) {
    fmt::print(stderr, "holdfast check: cannot write {}\n", flags.smallest);
  } else {
    fmt::print(stderr, "holdfast check: {} shows {}; operations left: {}\n", flags.smallest,
               report.violations[0].check, with_thousands(smallest.operations.size()));
  }
}

int run_check(const Flags& flags) {
  const auto model = verify::model_named(flags.model);
  if (!model) {
    return fail_with("--model is auto, register, counter or transfers", exit_usage);
  }
  const auto begin = std::chrono::steady_clock::now();
  verify::History history;
  for (const std::string& name : flags.files) {
    const auto file = MappedFile::open(name);
    if (!file) return fail_with(file.error().message, exit_undecided);
    if (Status read = verify::read_history(file->bytes(), history); !read) {
      return fail_with(fmt::format("{}: {}", name, read.error().message), exit_undecided);
    }
  }
  const verify::History copy = flags.smallest.empty() ? verify::History{} : history;
  const auto report =
      verify::check(std::move(history), {.model = *model, .steps_max = flags.steps_max});
  if (!report) return fail_with(report.error().message, exit_undecided);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (flags.json) {
    print_json(*report, seconds);
  } else {
    print_table(*report, seconds);
  }
  write_smallest(copy, *report, flags);
  return exit_code_of(*report);
}

}  // namespace

int check_files(const std::vector<std::string>& files, bool json) {
  return run_check({.files = files, .json = json});
}

void add_check_command(CLI::App& app, int& exit_code) {
  CLI::App* check =
      app.add_subcommand("check", "Check recorded histories of clients for linearizability");
  auto flags = std::make_shared<Flags>();
  check->footer("Several files are one history. The format: docs/history.md");
  check->add_option("FILE", flags->files, "Histories; - is standard input")->required();
  check
      ->add_option("--model", flags->model,
                   "What they are meant to hold: auto, register, counter or transfers")
      ->capture_default_str();
  check
      ->add_option("--steps", flags->steps_max,
                   "The search's bound for each part; past it the verdict is undecided")
      ->capture_default_str();
  check->add_flag("--json", flags->json, "Print the report as JSON");
  check->add_option("--smallest", flags->smallest,
                    "Write the smallest history that shows the first violation into this file");
  check->callback([flags, &exit_code] { exit_code = run_check(*flags); });
}

}  // namespace holdfast::cli
