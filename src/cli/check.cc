// SPDX-License-Identifier: Apache-2.0
#include "cli/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/load_report.h"
#include "cli/mapped_file.h"
#include "cli/verdict.h"
#include "verify/check.h"
#include "verify/history_lines.h"
#include "verify/report_page.h"
#include "verify/shrink.h"

namespace holdfast::cli {
namespace {

struct Flags {
  std::vector<std::string> files;
  std::string model = "auto";
  std::uint64_t steps_max = verify::steps_max_default;
  bool json = false;
  std::string smallest;  // a file; empty: not asked for
  std::string report;    // likewise
};

int fail_with(const std::string& message, int code) {
  fmt::print(stderr, "holdfast check: {}\n", message);
  return code;
}

/// The files that were asked for. The verdict stands, whether they can be written or not.
Status write_files(const Flags& flags, const verify::History& history, const verify::Report& report,
                   double seconds) {
  std::optional<verify::History> smallest;
  if (!report.violations.empty()) {
    smallest = verify::shrink(history, report.violations[0].check, {.steps_max = flags.steps_max});
  }
  if (!flags.smallest.empty() && smallest) {
    if (Status s = write_file(flags.smallest, verify::to_lines(*smallest)); !s) return s;
    // Not among the output: that may be JSON.
    fmt::print(stderr, "holdfast check: {} shows {}; operations left: {}\n", flags.smallest,
               report.violations[0].check, with_thousands(smallest->operations.size()));
  }
  if (flags.report.empty()) return {};
  const std::string files = fmt::format("{}", fmt::join(flags.files, " "));
  return write_file(
      flags.report,
      verify::report_page(
          {.title = files,
           .facts = {{"to repeat it", fmt::format("holdfast check --model {} --steps {} {}",
                                                  flags.model, flags.steps_max, files)},
                     {"took", fmt::format("{:.1f} s", seconds)}},
           .history = history,
           .report = report,
           .smallest = smallest ? &*smallest : nullptr}));
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
  // They need it as it was recorded; else there is no need of a copy.
  const bool writes = !flags.smallest.empty() || !flags.report.empty();
  const verify::History recorded = writes ? history : verify::History{};
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
  if (writes) {
    if (Status written = write_files(flags, recorded, *report, seconds); !written) {
      const int code = exit_code_of(*report);
      return fail_with(written.error().message, code == 0 ? exit_undecided : code);
    }
  }
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
  check->add_option("--report", flags->report,
                    "Also write it as a page, with a timeline of each key, into this file");
  check->callback([flags, &exit_code] { exit_code = run_check(*flags); });
}

}  // namespace holdfast::cli
