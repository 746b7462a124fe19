// SPDX-License-Identifier: Apache-2.0
#include "cli/check.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/load_report.h"
#include "cli/mapped_file.h"
#include "verify/check.h"
#include "verify/history_lines.h"
#include "verify/shrink.h"

namespace holdfast::cli {
namespace {

constexpr int exit_violation = 1;
constexpr int exit_undecided = 2;
constexpr int exit_usage = 64;  // EX_USAGE of sysexits.h

struct Flags {
  std::vector<std::string> files;
  std::string model = "auto";
  std::uint64_t steps_max = verify::steps_max_default;
  bool json = false;
  std::string smallest;  // a file; empty: not asked for
};

int exit_code_of(const verify::Report& report) {
  if (report.verdict() == verify::Verdict::violation) return exit_violation;
  return report.verdict() == verify::Verdict::undecided || !report.counts() ? exit_undecided : 0;
}

const char* verdict_word(const verify::Report& report) {
  if (report.verdict() == verify::Verdict::violation) return "violation";
  if (report.verdict() == verify::Verdict::undecided) return "undecided";
  return report.counts() ? "ok" : "invalid";
}

void print_table(const verify::Report& report, double seconds) {
  const auto line = [](std::string_view name, const std::string& value) {
    fmt::print("{:<17}{}\n", name, value);
  };
  const verify::Summary& summary = report.summary;
  const auto tries = [](const verify::Summary::Tries& t) {
    return fmt::format("{}, {:.1f}% replied", with_thousands(t.all), t.share() * 100);
  };
  line("tries", tries(summary.outside));
  if (summary.faults > 0) {
    line("during faults", fmt::format("{}, in {} faults", tries(summary.during), summary.faults));
  }
  for (const auto& [code, count] : summary.errors) line("  " + code, with_thousands(count));
  line("operations",
       fmt::format("{}, of {} the outcome is unknown", with_thousands(report.operations),
                   with_thousands(report.unknown)));
  line("keys", fmt::format("{} in {} parts checked apart", with_thousands(report.keys),
                           with_thousands(report.components)));
  line("counters", with_thousands(report.counters) + " compared with what they held in the end");
  line("took", fmt::format("{:.1f} s, {} steps", seconds, with_thousands(report.steps)));
  line("verdict", verdict_word(report));
  for (const std::string& complaint : summary.complaints) line("does not count", complaint);
  for (const auto& undecided : report.undecided) {
    fmt::print("\nundecided: {}\n", undecided.explanation);
  }
  for (const auto& violation : report.violations) {
    fmt::print("\n{}: {}\n", violation.check, violation.explanation);
  }
}

void print_json(const verify::Report& report, double seconds) {
  const verify::Summary& summary = report.summary;
  const auto tries = [](const verify::Summary::Tries& t) {
    return nlohmann::ordered_json{{"all", t.all}, {"replied", t.replied}, {"share", t.share()}};
  };
  const auto list = [](const std::vector<verify::Report::Violation>& found) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const auto& one : found) {
      all.push_back({{"check", one.check}, {"explanation", one.explanation}});
    }
    return all;
  };
  const nlohmann::ordered_json all{
      {"verdict", verdict_word(report)},
      {"outside_faults", tries(summary.outside)},
      {"during_faults", tries(summary.during)},
      {"faults", summary.faults},
      {"errors", summary.errors},
      {"with_ids", summary.ids},
      {"operations", report.operations},
      {"unknown", report.unknown},
      {"keys", report.keys},
      {"components", report.components},
      {"counters", report.counters},
      {"steps", report.steps},
      {"seconds", seconds},
      {"complaints", summary.complaints},
      {"undecided", list(report.undecided)},
      {"violations", list(report.violations)},
  };
  fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

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
