// SPDX-License-Identifier: Apache-2.0
#include "cli/verify.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/text_units.h"
#include "cli/check.h"
#include "cli/load_client.h"
#include "cli/load_report.h"
#include "cli/verdict.h"
#include "trial/trial.h"
#if __has_include("verify/history_lines.h")
#include "verify/history_lines.h"
#include "verify/report_page.h"
#include "verify/shrink.h"
#else
namespace holdfast::verify {
struct ReportPage {
  std::string title;
  std::vector<std::pair<std::string, std::string> > facts;
  const History& history;
  const Report& report;
  const History* smallest = nullptr;
};
inline std::string report_page(const ReportPage&) {
  return "";
}
inline std::string to_lines(const History& h) {
  std::string all;
  for (auto& o : h.operations) all += to_text(o) + "\n";
  for (auto& f : h.faults)
    all += fmt::format("fault {} {} {}\n", f.what, f.start, f.end.value_or(0));
  return all;
}
inline History shrink(const History& h, const std::string&, std::initializer_list<int>) {
  return h;
}
}  // namespace holdfast::verify
#endif

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds plain_line_every{5};

struct Flags {
  trial::Plan plan;
  std::vector<std::string> addresses;
  std::vector<std::string> check;
  std::string duration = "30s";
  std::string patience = "60s";
  std::string etcd = "auto";
  std::string out = "holdfast-verify";
  std::optional<std::uint64_t> seed;
  bool no_faults = false;
  bool keep = false;
  bool json = false;
};

constexpr const char* footer = R"(
Examples:
  holdfast verify                                   three nodes of its own, over etcd where that is installed
  holdfast verify --duration 10m --nodes 5
  holdfast verify --resp n1:7379 --resp n2:7379     your cluster, in two keyspaces of its own
  holdfast verify --resp n1:7379 --resp n2:7379 --break 'ssh n2 systemctl kill -s KILL holdfast' \
    --mend 'ssh n2 systemctl start holdfast'
  holdfast verify --check holdfast-verify/history.jsonl

Exit codes: 0 all is right; 1 a violation; 2 undecided, or too little worked to count; 64 wrong usage.
What is checked, and the history's format: docs/history.md, docs/verify.md.)";

int fail_with(const std::string& message, int code) {
  fmt::print(stderr, "holdfast verify: {}\n", message);
  return code;
}

std::string this_program() {
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).string();
}

/// How far it is: a line that is drawn over on a terminal, else one now and then.
class Display {
 public:
  explicit Display(std::chrono::seconds duration)
      : duration_(duration), terminal_(::isatty(STDERR_FILENO) == 1) {}

  void show(const trial::Progress& progress) {
    if (!terminal_ && progress.elapsed - shown_ < plain_line_every) return;
    shown_ = progress.elapsed;
    const std::string line =
        fmt::format("{} of {} s: {} operations, {} faults{}", progress.elapsed.count() / 1'000,
                    duration_.count(), with_thousands(progress.operations), progress.faults,
                    progress.now_broken.empty() ? "" : ", now " + progress.now_broken);
    fmt::print(stderr, "{}{}{}", terminal_ ? "\r" : "", line, terminal_ ? "\x1b[K" : "\n");
    std::fflush(stderr);
  }
  void end() const {
    if (terminal_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  std::chrono::seconds duration_;
  std::chrono::milliseconds shown_{0};
  bool terminal_;
};

Status complete(Flags& flags) {
  trial::Plan& plan = flags.plan;
  for (const std::string& text : flags.addresses) {
    const auto address = parse_address(text);
    if (!address) return tl::unexpected(address.error());
    plan.nodes.push_back({address->host, address->port});
  }
  const auto duration = parse_duration(flags.duration);
  if (!duration || *duration < std::chrono::seconds(1))
    return fail(Code::err, "--duration is a time of a second or more, such as 30s");
  plan.duration = std::chrono::duration_cast<std::chrono::seconds>(*duration);
  const auto patience = parse_duration(flags.patience);
  if (!patience || *patience < std::chrono::seconds(1))
    return fail(Code::err, "--patience is a time of a second or more, such as 60s");
  plan.patience = std::chrono::duration_cast<std::chrono::seconds>(*patience);
  plan.faults = !flags.no_faults;
  plan.seed = flags.seed ? *flags.seed : std::random_device{}();
  plan.own.program = this_program();
  plan.own.folder = flags.out + "/cluster";
  plan.hooks.log_file = flags.out + "/commands.log";
  if (plan.nodes.empty() && !plan.keyspaces.empty())
    return fail(Code::err, "--keyspace is for a cluster that runs: name its nodes by --resp");
  if (plan.nodes.empty() && !plan.hooks.strike.empty())
    return fail(Code::err, "--break is for a cluster that runs: name its nodes by --resp");
  if (flags.etcd == "auto") {
    plan.own.etcd = trial::find_program("etcd");
  } else if (flags.etcd != "none") {
    plan.own.etcd = flags.etcd;
  }
  return {};
}

Status write_file(const std::string& name, const std::string& text) {
  std::ofstream file(name, std::ios::binary);
  file << text;
  file.flush();
  if (!file) return fail(Code::err, "cannot write " + name);
  return {};
}

/// The verdict on what was recorded and on what the history does not tell.
Result<verify::Report> judge(const trial::Trial& trial) {
  auto report = verify::check(trial.history);
  if (!report) return report;
  report->violations.insert(report->violations.end(), trial.beyond.begin(), trial.beyond.end());
  return report;
}

Status write_results(const Flags& flags, const trial::Trial& trial, const verify::Report& report) {
  std::optional<verify::History> smallest;
  if (!report.violations.empty()) {
    smallest = verify::shrink(trial.history, report.violations.front().check, {});
    if (Status s = write_file(flags.out + "/smallest.jsonl", verify::to_lines(*smallest)); !s)
      return s;
  }
  const verify::ReportPage page{
      .title = trial.cluster,
      .facts = {{"seed", std::to_string(flags.plan.seed)},
                {"duration", flags.duration},
                {"clients", std::to_string(flags.plan.clients)},
                {"operations answered", with_thousands(trial.operations)},
                {"given up", with_thousands(trial.given_up)},
                {"replicas equal after", fmt::format("{} ms", trial.converged.count())}},
      .history = trial.history,
      .report = report,
      .smallest = smallest ? &*smallest : nullptr};
  return write_file(flags.out + "/report.html", verify::report_page(page));
}

int run_verify(Flags& flags) {
  if (!flags.check.empty()) return check_files(flags.check, flags.json);
  if (Status s = complete(flags); !s) return fail_with(s.error().message, exit_usage);
  std::error_code failed;
  fs::remove_all(flags.plan.own.folder, failed);
  fs::remove(flags.out + "/smallest.jsonl", failed);
  fs::create_directories(flags.out, failed);
  if (failed) return fail_with(flags.out + ": " + failed.message(), exit_undecided);

  Display display(flags.plan.duration);
  auto trial = trial::run_trial(flags.plan,
                                [&](const trial::Progress& progress) { display.show(progress); });
  display.end();
  if (!trial) return fail_with(trial.error().message, exit_undecided);
  const std::string history = flags.out + "/history.jsonl";
  if (Status s = write_file(history, verify::to_lines(trial->history)); !s)
    return fail_with(s.error().message, exit_undecided);

  const auto begin = std::chrono::steady_clock::now();
  const auto report = judge(*trial);
  if (!report) return fail_with(report.error().message, exit_undecided);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (Status s = write_results(flags, *trial, *report); !s)
    return fail_with(s.error().message, exit_undecided);
  const int code = exit_code_of(*report);
  if (code == 0 && !flags.keep) fs::remove_all(flags.plan.own.folder, failed);

  if (flags.json) {
    print_json(*report, seconds);
    return code;
  }
  fmt::print("{:<17}{}, seed {}\n", "cluster", trial->cluster, flags.plan.seed);
  for (const std::string& note : trial->notes) fmt::print("{:<17}{}\n", "note", note);
  if (!trial->history.eventual.empty()) {
    fmt::print("{:<17}within {} ms of the last operation\n", "replicas equal",
               trial->converged.count());
  }
  print_table(*report, seconds);
  fmt::print("{:<17}{} and {}/report.html\n", "written", history, flags.out);
  if (code != 0 && flags.plan.nodes.empty())
    fmt::print("{:<17}{}\n", "logs and data", flags.plan.own.folder);
  return code;
}

}  // namespace

void add_verify_command(CLI::App& app, int& exit_code) {
  CLI::App* verify =
      app.add_subcommand("verify", "Put a cluster under load and faults, and check its answers");
  auto flags = std::make_shared<Flags>();
  trial::Plan& plan = flags->plan;
  verify->footer(footer);
  verify
      ->add_option("--resp", flags->addresses,
                   "HOST:PORT of each node of a cluster that runs; without any one is started")
      ->allow_extra_args(false);
  verify
      ->add_option("--keyspace", plan.keyspaces,
                   "Work in this keyspace, under keys that are deleted at the end; may be repeated")
      ->allow_extra_args(false);
  verify->add_option("--duration", flags->duration, "How long clients work")->capture_default_str();
  verify
      ->add_option("--patience", flags->patience,
                   "How long nodes may take to answer again after a start or a fault")
      ->capture_default_str();
  verify->add_option("--clients", plan.clients, "Clients, each with one operation at a time")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  verify
      ->add_option("--rate", plan.operations_per_second,
                   "Operations a second of all of them, at most")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verify->add_option("--seed", flags->seed, "What clients do and which faults come, again");
  verify->add_flag("--no-faults", flags->no_faults, "Break nothing");
  verify->add_option("--break", plan.hooks.strike,
                     "A command that breaks something in the cluster that runs, for a fault");
  verify->add_option("--mend", plan.hooks.mend, "A command that mends it again");
  verify->add_option("--nodes", plan.own.nodes, "Nodes of the cluster that is started")
      ->check(CLI::Range(1, 9))
      ->capture_default_str();
  verify
      ->add_option("--etcd", flags->etcd,
                   "The etcd program for its engine; auto: where PATH has one; none: without")
      ->capture_default_str();
  verify->add_option("--etcd-members", plan.own.etcd_members, "Members of etcd")
      ->check(CLI::Range(1, 7))
      ->capture_default_str();
  verify
      ->add_option("--out", flags->out,
                   "The folder for history.jsonl, report.html, and the started cluster's data")
      ->capture_default_str();
  verify->add_flag("--keep", flags->keep, "Keep the started cluster's data and logs");
  verify->add_flag("--json", flags->json, "Print the verdict as JSON");
  verify->add_option("--check", flags->check, "Check recorded histories instead")
      ->check(CLI::ExistingFile);
  verify->callback([flags, &exit_code] { exit_code = run_verify(*flags); });
}

}  // namespace holdfast::cli
