// SPDX-License-Identifier: Apache-2.0
#include "cli/verdict.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/load_report.h"

namespace holdfast::cli {

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
  if (summary.outages.all > 0) line("during outages", tries(summary.outages));
  for (const auto& [code, count] : summary.errors) line("  " + code, with_thousands(count));
  line("operations",
       fmt::format("{}, of {} the outcome is unknown", with_thousands(report.operations),
                   with_thousands(report.unknown)));
  line("keys", fmt::format("{} in {} parts checked apart", with_thousands(report.keys),
                           with_thousands(report.components)));
  line("counters", with_thousands(report.counters) + " compared with what they held in the end");
  if (report.eventual_reads > 0) {
    line("eventual reads",
         with_thousands(report.eventual_reads) + " compared with what they had to show");
  }
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
      {"during_outages", tries(summary.outages)},
      {"faults", summary.faults},
      {"errors", summary.errors},
      {"with_ids", summary.ids},
      {"operations", report.operations},
      {"unknown", report.unknown},
      {"keys", report.keys},
      {"components", report.components},
      {"counters", report.counters},
      {"eventual_reads", report.eventual_reads},
      {"steps", report.steps},
      {"seconds", seconds},
      {"complaints", summary.complaints},
      {"undecided", list(report.undecided)},
      {"violations", list(report.violations)},
  };
  fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

Status write_file(const std::string& name, const std::string& text) {
  std::ofstream file(name, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (!file) return fail(Code::err, "cannot write " + name);
  return {};
}

}  // namespace holdfast::cli
